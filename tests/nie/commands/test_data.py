"""nie.commands.data: building a graph of one's own, and that a run uses what was given with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import run_quietly

from downstream.stages.importance import IMPORTANCE
from nie.data import load
from pretrain.inputs import prepare

NODES = [f"n{i:02}" for i in range(30)]


def own(folder: Path) -> list[str]:
    """A ring of nodes of two kinds, each with a year, and one node that has nothing but a year."""
    lines = [f"{name}\tnext\t{NODES[(i + 1) % 30]}\n{name}\tkind\tk{i % 2}\n" for i, name in enumerate(NODES)]
    lines += [f"{name}\tyear\t{1990 + i}\n" for i, name in enumerate([*NODES, "zz"])]
    (folder / "t.tsv").write_text("".join(lines))
    (folder / "s.tsv").write_text("".join(f"{name}\t{i + 1}\n" for i, name in enumerate([*NODES, "zz"])))
    np.save(folder / "bib.npy", np.arange(99.0).reshape(33, 3))  # 30 nodes, 2 kinds and zz
    return ["--triples", str(folder / "t.tsv"), "--scores", str(folder / "s.tsv")]


def build(folder: Path, *more: str) -> tuple[int, str, str]:
    return run_quietly(["data", "build", "mine", *own(folder), *more], folder / "data", folder / "runs")


def test_given_features_are_what_auto_means(tmp_path: Path) -> None:
    assert build(tmp_path, "--features", f"bib={tmp_path / 'bib.npy'}", "--type-relation", "kind")[0] == 0
    kg = load("mine", tmp_path / "data")
    assert kg.meta["type_relation"] == "kind"
    assert kg.meta["inputs"] == {"structural": "node2vec+literals+bib"}
    config: Any = IMPORTANCE.recipes.resolve(overrides={"dataset": "mine", "method": "mlp", "folds": {"run": [0]}})
    channels = prepare(config, data_root=tmp_path / "data").channels
    assert [channel.features.shape[1] for channel in channels["structural"]] == [64, 2, 3, 2]  # and degrees


def test_a_node_without_edges_is_trained_and_scored(tmp_path: Path) -> None:
    assert build(tmp_path)[0] == 0
    for method in ("ridge", "rgtn"):
        command = ["downstream", "--recipe", "fast", "--dataset", "mine", "--method", method, "--folds.run", "0"]
        epochs = ["--optim.max_epochs", "2"] if method == "rgtn" else []
        code, _, error = run_quietly([*command, *epochs], tmp_path / "data", tmp_path / "runs")
        assert code == 0, error


def test_structural_features_of_ones_own_replace_those_that_are_computed(tmp_path: Path) -> None:
    assert build(tmp_path, "--features", f"structural={tmp_path / 'bib.npy'}", "--literals", "nodes")[0] == 2
    assert build(tmp_path, "--features", f"structural={tmp_path / 'bib.npy'}")[0] == 0
    assert load("mine", tmp_path / "data").meta["inputs"] == {"structural": "structural+literals"}


def test_literals_can_stay_nodes(tmp_path: Path) -> None:
    assert build(tmp_path, "--literals", "nodes")[0] == 0
    kg = load("mine", tmp_path / "data")
    assert "1990" in kg.node_names
    assert kg.meta["inputs"] == {"structural": "node2vec"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--type-relation", "kinds"], "no relation 'kinds' (did you mean 'kind'?)"),
        (["--features", "literals=bib.npy"], "The file bib.npy"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_nothing_is_written(more: list[str], words: str, tmp_path: Path) -> None:
    code, _, error = build(tmp_path, *more)
    assert code == 2
    assert words in error
    assert not (tmp_path / "data" / "mine" / "processed").exists()
