"""downstream.answers.node_scores."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from stage_helpers import small, store_synthetic

from downstream.answers.node_scores import score_nodes, top_table, write_scores
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.runs.run import Run


@pytest.fixture
def kg(tmp_path: Path) -> KnowledgeGraph:
    return store_synthetic(tmp_path)


@pytest.fixture
def run(kg: KnowledgeGraph, tmp_path: Path) -> Run:
    return estimate(small("ridge"), data_root=tmp_path, run_root=tmp_path / "runs")


def test_every_node_gets_a_score_and_a_rank(run: Run, kg: KnowledgeGraph, tmp_path: Path) -> None:
    scores = score_nodes(run, data_root=tmp_path)
    assert len(scores.name) == kg.num_nodes
    assert (scores.importance >= 0).all()
    assert scores.rank.min() == 1
    assert spearmanr(scores.rank, -scores.importance).statistic > 0.999
    assert np.array_equal(~np.isnan(scores.known), kg.label_mask)


def test_test_nodes_get_the_prediction_of_the_fold_that_held_them_out(
    run: Run, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    scores = score_nodes(run, data_root=tmp_path)
    for fold in (0, 1):
        test = np.load(run.fold_path(fold) / "split.npz")["test"]
        prediction = np.load(run.fold_path(fold) / "predictions.npy").astype(np.float64)
        assert np.allclose(scores.importance[test], np.maximum(np.expm1(prediction[test]), 0))
        assert scores.held_out[test].all()
    assert scores.held_out[~kg.label_mask].all()
    assert not scores.held_out.all()


def test_csv_and_parquet_hold_the_same(run: Run, kg: KnowledgeGraph, tmp_path: Path) -> None:
    scores = score_nodes(run, data_root=tmp_path)
    write_scores(scores, tmp_path / "out" / "scores.csv")
    with (tmp_path / "out" / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == kg.num_nodes
    assert [int(row["rank"]) for row in rows] == sorted(int(row["rank"]) for row in rows)
    assert sum(row["known_importance"] == "" for row in rows) == (~kg.label_mask).sum()
    parquet = pytest.importorskip("pyarrow.parquet")
    write_scores(scores, tmp_path / "scores.parquet")
    table = parquet.read_table(tmp_path / "scores.parquet").to_pydict()
    assert table["node"] == [row["node"] for row in rows]
    assert table["predicted_importance"] == [float(row["predicted_importance"]) for row in rows]


def test_the_top_table_shows_held_out_nodes_beside_the_truth(run: Run, tmp_path: Path) -> None:
    scores = score_nodes(run, data_root=tmp_path)
    text = top_table(scores, "ridge", count=3)
    assert "held-out labelled nodes" in text
    best = max(np.flatnonzero(scores.held_out & ~np.isnan(scores.known)), key=lambda i: scores.importance[i])
    assert scores.name[best] in text.splitlines()[4]
    assert len(text.strip().splitlines()) == 2 + 2 + 3


def test_another_ending_is_one_sentence(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"\.csv or \.parquet"):
        write_scores(score_nodes(run, data_root=tmp_path), tmp_path / "scores.txt")


def test_a_changed_dataset_is_refused(run: Run, tmp_path: Path) -> None:
    store_synthetic(tmp_path, seed=1)
    with pytest.raises(NieError, match="made from an older synthetic"):
        score_nodes(run, data_root=tmp_path)


def test_damaged_predictions_are_named(run: Run, tmp_path: Path) -> None:
    path = run.fold_path(0) / "predictions.npy"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(NieError, match=r"predictions.npy is missing or damaged"):
        score_nodes(run, data_root=tmp_path)


def test_a_run_without_a_finished_fold_is_named(run: Run, tmp_path: Path) -> None:
    for fold in (0, 1):
        (run.fold_path(fold) / "DONE").unlink()
    with pytest.raises(NieError, match="no finished fold"):
        score_nodes(run, data_root=tmp_path)
