"""downstream.studies.run, with its tables, figures and page, and downstream.studies.maps."""

from __future__ import annotations

import csv
import functools
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import store_synthetic

from downstream.reports.comparisons import compare
from downstream.reports.results import Results
from downstream.reports.tables import markdown_table
from downstream.stages.runner import Runner
from downstream.studies import maps
from downstream.studies.catalogue import find_study
from downstream.studies.run import run_study
from downstream.studies.settings import Settings
from downstream.studies.study import Study
from nie.errors import NieError

FLAGS = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0,1"]
SHORT = {"max_epochs": 4, "patience": 4, "eval_every": 2}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage trains for a few epochs; the synthetic graph is small, so its top bin is larger."""
    method, licap = Settings.method, Settings.licap

    def short_method(self: Any, name: str, **changes: Any) -> Any:
        config = method(self, name, **changes)
        if not hasattr(config, "optim"):
            return config
        return config.model_copy(update={"optim": config.optim.model_copy(update=SHORT)})

    def short_licap(self: Any, **changes: Any) -> Any:
        loss = {"gamma": 0.2, **changes.pop("loss", {})}
        return licap(self, **{**changes, "loss": loss, "optim": SHORT})

    monkeypatch.setattr(Settings, "method", short_method)
    monkeypatch.setattr(Settings, "licap", short_licap)


def study(root: Path, name: str | Study, **options: Any) -> str:
    store_synthetic(root / "data")
    runner = Runner(data_root=root / "data", run_root=root / "runs")
    settings = Settings("synthetic", flags=FLAGS)
    made = find_study(name) if isinstance(name, str) else name
    return run_study(
        made, settings, runner=runner, folder=root / "out", command=f"nie study {made.name} synthetic", **options
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_study_writes_tables_figures_and_a_page_that_needs_no_network(tmp_path: Path) -> None:
    text = study(tmp_path, "channels")
    out = tmp_path / "out"
    figures = ("folds", "learning-curves", "predicted-against-true", "terms-of-the-loss", "training-cost")
    expected = {"table.md", "table.csv", "table.tex", "folds.csv", "figures.json", "report.html"}
    expected |= {f"{name}.{kind}" for name in figures for kind in ("png", "svg")}
    assert {path.name for path in out.iterdir()} == expected
    assert (out / "table.md").read_text() == text
    for part in (
        "nie study channels synthetic",
        "both against none",
        "6 comparisons",
        "4 runs, 8 folds in all; nothing is left out",
    ):
        assert part in text
    assert re.search(r"\| comparison +\| metric +\| difference +\| 95 % interval +\| d +\| better +\| p +\|", text)
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 5
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page.replace("http://www.w3.org", ""))
    assert "Paired tests" in page
    with (out / "folds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 5 * 2


@pytest.mark.slow
@pytest.mark.usefixtures("short", "unpainted")
def test_a_study_in_pieces_is_the_study_in_one(tmp_path: Path) -> None:
    study(tmp_path, "relation-mode", only=["mul", "add"])
    first = (tmp_path / "out" / "table.md").read_text()
    assert "| add" in first
    assert "| gate" not in first
    assert "not finished: dot (2 of 2 folds), gate (2 of 2 folds)" in first
    study(tmp_path, "relation-mode", only=["dot"])
    assert "| mul" in (tmp_path / "out" / "table.md").read_text()
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("metrics.json"))
    study(tmp_path, "relation-mode", report_only=True)
    assert sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("metrics.json")) == before


@pytest.mark.usefixtures("short")
def test_a_report_over_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="No run has a finished fold"):
        study(tmp_path, "main", report_only=True)
    with pytest.raises(NieError, match=r"no arm 'genii'.*did you mean 'geni'"):
        study(tmp_path, "main", only=["genii"])
    with pytest.raises(NieError, match=r"did you mean 'gcn\+licap \(structural\)' or 'gcn\+licap \(semantic\)' or"):
        study(tmp_path, "main", only=["gcn+licap"])


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_the_grid_has_a_heat_map(tmp_path: Path) -> None:
    grid = find_study("grid")
    few = replace(grid, arms=lambda settings: [arm for arm in grid.arms(settings) if "=0.2 eta2=1" in arm.name])
    study(tmp_path, few)
    assert (tmp_path / "out" / "grid-rmse.png").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_maps_of_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "TSNE", functools.partial(maps.TSNE, max_iter=250))  # what it draws is scikit-learn's
    text = study(tmp_path, "tsne")
    assert text.count("| structural, LICAP") == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "table.md", "table.csv", "report.html", "train.png", "train.svg", "test.png", "test.svg",
    }  # fmt: skip


def test_a_map_of_equal_points_is_a_point() -> None:
    assert not maps._map(np.ones((50, 4)), 0).any()  # scikit-learn's t-SNE crashes the process there


@pytest.mark.usefixtures("short")
def test_maps_refuse_what_they_have_not(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="leave --only, --minutes, --epochs and --records out"):
        study(tmp_path, "tsne", only=["none"])
    with pytest.raises(NieError, match="is not a run directory"):
        study(tmp_path, "tsne", report_only=True)


@pytest.mark.slow
@pytest.mark.usefixtures("short", "unpainted")
def test_a_cost_that_is_not_known_any_more_costs_no_report(tmp_path: Path) -> None:
    study(tmp_path, "channels", only=["none", "both"])
    shutil.rmtree(tmp_path / "runs" / "pretrain")
    text = study(tmp_path, "channels", report_only=True)
    assert re.search(r"\| both +\| — +\|", text)
    assert "On 2 folds such a test finds only very large differences" in text


@pytest.mark.slow
@pytest.mark.usefixtures("short", "unpainted")
def test_an_arm_that_fails_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any, **_settings: Any) -> None:
        raise NieError("The disk is full.")

    monkeypatch.setattr("pretrain.licap.pretrain", broken)
    with pytest.raises(NieError, match=r"3 failed, any others are in .*licap fold 0, 1: The disk is full"):
        study(tmp_path, "channels")
    text = (tmp_path / "out" / "table.md").read_text()
    assert "| none" in text
    assert "not finished: structural (2 of 2 folds), semantic (2 of 2 folds), both (2 of 2 folds)" in text
    assert (tmp_path / "out" / "report.html").exists()


def test_methods_that_see_test_labels_are_marked_and_not_compared() -> None:
    rows = {name: {0: {"rmse": value}} for name, value in (("ppr-published", 0.1), ("ridge", 0.2), ("rgtn", 0.3))}
    results = Results("toy", ("rmse",), rows, frozenset({"ppr-published"}))
    assert results.places("rmse") == {"ridge": 1, "rgtn": 2}
    assert "ppr-published (sees test labels)" in markdown_table(results)
    main = find_study("main")
    pairs = main.pairs(main.arms(Settings("synthetic", flags=FLAGS)))
    assert not [pair for pair in pairs if "ppr-published" in pair]


def test_ties_are_no_wins() -> None:
    rows = {name: {fold: {"rmse": 0.1 * fold, "spearman": 0.5} for fold in range(5)} for name in ("a", "b")}
    found = compare(Results("toy", ("rmse", "spearman"), rows), [("a", "b")], ("rmse", "spearman"), 2 / 7)
    assert [one.better for one in found] == [0, 0]
    rows["b"][3] = {"rmse": 9.0, "spearman": None}
    found = compare(Results("toy", ("rmse", "spearman"), rows), [("a", "b")], ("rmse", "spearman"), 2 / 7)
    assert [(one.better, one.test is None) for one in found] == [(1, False), (0, True)]
