"""downstream.studies.case_study: the top 10 of finished runs beside the truth."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import SMALL_FLAGS, run_quietly, store_synthetic

from downstream.studies.case_study import Case
from nie.data import load
from nie.runs.run import read_run

METHODS = ("ridge", "pagerank")
FEATURES = SMALL_FLAGS[:4]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("case")
    store_synthetic(root / "data")
    for method, folds in zip(METHODS, ("0,1", "0,1,2"), strict=True):
        command = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", method, *FEATURES]
        code, _, error = run_quietly([*command, "--folds.run", folds], root / "data", root / "runs")
        assert code == 0, error
    return root


def case_study(root: Path, out: Path, *flags: str) -> tuple[int, str, str]:
    command = ["study", "case-study", "synthetic", *flags, "--out", str(out)]
    return run_quietly(command, root / "data", root / "runs")


def test_the_top_of_each_method_stands_beside_the_truth(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    code, text, error = case_study(root, tmp_path, *FEATURES)
    assert code == 0, error
    kg = load("synthetic", root / "data")
    run = read_run(next((root / "runs" / "downstream" / "synthetic").glob("ridge-*")))
    score: dict[int, float] = {}
    for fold in (0, 1):  # the third fold of pagerank is not finished by ridge
        predictions = run.predictions(fold, kg.num_nodes)
        score |= {int(node): predictions[node] for node in run.split(fold)["test"]}
    assert f"Ranks among the {len(score)} test nodes of the folds 0, 1, by the fold that tests each." in text
    by_score, by_truth = sorted(score, key=lambda v: -score[v]), sorted(score, key=lambda v: -kg.labels[v])
    expected = [
        ["ridge", str(1 + place), kg.node_names[node], str(1 + by_truth.index(node))]
        for place, node in enumerate(by_score[:10])
    ]
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = [
        [row[name] for name in ("method", "rank", "node", "true_rank")] for row in rows if row["method"] == "ridge"
    ]
    assert found == expected
    node, rank, true = rows[0]["node"], int(rows[0]["rank"]), int(rows[0]["true_rank"])
    assert re.search(rf"\| {rank} +\| {node} +\| {true} +\| \{true - rank:+d} ", text)
    assert {row["method"] for row in rows} == set(METHODS)
    assert (tmp_path / "report.html").exists()


def test_what_cannot_be_told_is_refused(root: Path, tmp_path: Path) -> None:
    code, _, error = case_study(root, tmp_path, "--features.structural", "none", "--folds.run", "3")
    assert code == 2
    assert "No method has a finished run on synthetic with these settings" in error
    code, _, error = case_study(root, tmp_path, "--minutes", "1")
    assert code == 2
    assert "leave --only, --minutes, --epochs and --records out" in error


def test_equal_scores_share_a_rank_and_stand_by_name() -> None:
    case = Case(np.array([2, 0]), ["b", "x", "a"], np.array([1.0, 1.0]), {"same": np.zeros(2)})
    assert case.ranks["same"].tolist() == case.true_rank.tolist() == [1, 1]
    assert [case.name(place) for place in case.top("same")] == ["a", "b"]
    assert case.true_top(1) == [0]
