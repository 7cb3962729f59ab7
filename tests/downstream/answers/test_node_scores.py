"""downstream.answers.node_scores."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.answers.node_scores import NodeScores, score_nodes, top_table
from downstream.answers.score_scale import within_known
from downstream.methods.fitted import Fitted
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.runs.run import Run


@pytest.fixture
def kg(tmp_path: Path) -> KnowledgeGraph:
    return store_synthetic(tmp_path)


@pytest.fixture
def run(kg: KnowledgeGraph, tmp_path: Path) -> Run:
    return estimate(small("ridge"), data_root=tmp_path, run_root=tmp_path / "runs")


def inversions(scores: NodeScores) -> int:
    """Neighbours in the ranking whose scores stand the other way round, or whose ranks differ while scores do not."""
    columns = scores.columns()
    ranked = [(rank, score) for rank, score in zip(columns["rank"], columns["score"], strict=True) if rank is not None]
    return sum(
        (one[1] < other[1]) or ((one[0] == other[0]) != (one[1] == other[1]))
        for one, other in zip(sorted(ranked), sorted(ranked)[1:], strict=False)
    )


def test_every_node_gets_a_score_and_a_rank(run: Run, kg: KnowledgeGraph, tmp_path: Path) -> None:
    scores = score_nodes(run, data_root=tmp_path)
    assert len(scores.name) == kg.num_nodes
    assert (scores.score >= 0).all()
    assert scores.rank.min() == 1
    assert inversions(scores) == 0
    assert np.array_equal(~np.isnan(scores.known), kg.label_mask)
    assert not scores.extrapolated.any()


@pytest.mark.parametrize("method", ["pagerank", "ppr"])
def test_rank_and_score_agree_where_a_method_ranks_by_another_score(
    method: str, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    run = estimate(small(method), data_root=tmp_path, run_root=tmp_path / "runs")
    scores = score_nodes(run, data_root=tmp_path)
    assert inversions(scores) == 0
    prediction, ranking = (read(0, kg.num_nodes) for read in (run.predictions, run.ranking_scores))
    test = run.split(0)["test"]
    assert len(np.unique(prediction[test])) < len(np.unique(ranking[test]))
    order, by_method = np.argsort(scores.score[test]), np.argsort(ranking[test])
    assert np.array_equal(order, by_method), "what the isotonic fit ties is told apart as the method does"


def test_test_nodes_get_the_prediction_of_the_fold_that_held_them_out(
    run: Run, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    scores = score_nodes(run, data_root=tmp_path)
    for fold in (0, 1):
        split = run.split(fold)
        prediction = within_known(run.predictions(fold, kg.num_nodes), kg.targets[split["train"]])
        test = split["test"]
        assert np.allclose(scores.score[test], np.expm1(prediction[test]))
        assert scores.held_out[test].all()
    assert scores.held_out[~kg.label_mask].all()
    assert not scores.held_out.all()


def test_wild_predictions_are_drawn_in_and_counted(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wild = np.where(np.arange(kg.num_nodes) % 50 == 0, 14.0 + np.arange(kg.num_nodes) / 100, 3.0)
    monkeypatch.setitem(METHODS, "ridge", replace(METHODS["ridge"], fit=lambda *_: Fitted(wild, wild)))
    run = estimate(small("ridge"), data_root=tmp_path, run_root=tmp_path / "runs")
    with caplog.at_level("INFO", logger="nie"):
        scores = score_nodes(run, data_root=tmp_path)
    largest = np.nanmax(kg.labels)
    assert scores.score.max() < 1.6 * largest
    assert scores.drawn_in.sum() == 6
    assert scores.remarks()["drawn_in"].startswith("The predictions of 6 of the 300 ranked nodes lay beyond")
    assert scores.remarks()["drawn_in"] in caplog.text
    assert len(np.unique(scores.score[scores.drawn_in])) == 6


@pytest.fixture
def two_kinds(tmp_path: Path) -> KnowledgeGraph:
    """The synthetic graph with a year of its own behind every tenth node; years have no label."""
    kg = synthetic(0)
    heads = np.arange(0, kg.num_nodes, 10)
    years = kg.num_nodes + np.arange(len(heads))
    grown = replace(
        kg,
        src=np.append(kg.src, heads),
        dst=np.append(kg.dst, years),
        etype=np.append(kg.etype, np.full(len(heads), kg.num_relations)),
        labels=np.append(kg.labels, np.full(len(heads), np.nan)),
        label_mask=np.append(kg.label_mask, np.zeros(len(heads), bool)),
        node_names=[*kg.node_names, *(f"{1900 + year}" for year in range(len(heads)))],
        relation_names=[*kg.relation_names, "year"],
        text=[*kg.text, *(None for _ in heads)],
        channels={},
    )
    save(grown, tmp_path / kg.name / "processed")
    return grown


def test_nodes_of_a_kind_without_labels_are_ranked_apart(
    two_kinds: KnowledgeGraph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = small("pagerank")
    scores = score_nodes(estimate(config, data_root=tmp_path, run_root=tmp_path / "runs"), data_root=tmp_path)
    assert np.flatnonzero(scores.extrapolated).tolist() == list(range(300, 330))
    assert np.isnan(scores.rank[scores.extrapolated]).all()
    assert sorted(scores.rank_in_type[300:].tolist())[0] == 1
    columns = scores.columns()
    assert columns["rank"][:300] == sorted(columns["rank"][:300])
    assert columns["rank"][300:] == [None] * 30
    assert columns["score"][300:] == sorted(columns["score"][300:], reverse=True)
    assert columns["rank_in_type"][300] == 1
    said = "30 of 330 nodes are of types of which no node has a score (tail of year): they are ranked apart."
    assert scores.remarks()["extrapolated"] == said
    assert [record.levelname for record in caplog.records if record.getMessage() == said] == ["WARNING"]


def scored(score: list[float], kind: list[str] | None = None, known: list[float] | None = None) -> NodeScores:
    """Scores of nodes a, b, c, ... that are all held out."""
    count = len(score)
    nobody = np.zeros(count, bool)
    labels = np.array(known or [np.nan] * count)
    return NodeScores(list("abcdefgh"[:count]), kind or ["T"] * count, np.array(score), labels, ~nobody, nobody, nobody)


def test_ranks_count_within_types_and_equal_scores_share_one() -> None:
    scores = scored([1.0, 5.0, 5.0, 2.0], ["Film", "Film", "Film", "Person"])
    assert scores.columns() == {
        "node": ["b", "c", "d", "a"],
        "type": ["Film", "Film", "Person", "Film"],
        "score": [5.0, 5.0, 2.0, 1.0],
        "lower": [None] * 4,
        "upper": [None] * 4,
        "rank": [1, 1, 3, 4],
        "rank_in_type": [1, 1, 1, 3],
        "p_top100": [None] * 4,
        "known": [None] * 4,
        "held_out": [True] * 4,
        "extrapolated": [False] * 4,
    }
    assert scores.remarks() == {"ties": "2 of the 4 ranked nodes share their score, and so their rank, with another."}


def test_the_top_table_says_types_and_ties() -> None:
    plain = top_table(scored([1.0, 2.0], known=[1.0, 2.0]), "gcn")
    assert "type" not in plain
    assert "share" not in plain
    table = top_table(scored([2.0, 2.0, 1.0], ["Film", "Person", "Film"], [1.0, 2.0, 3.0]), "gcn")
    assert "| type " in table
    assert table.endswith("2 of them share their predicted rank with another.\n")


def test_the_top_table_shows_held_out_nodes_beside_the_truth(run: Run, tmp_path: Path) -> None:
    scores = score_nodes(run, data_root=tmp_path)
    text = top_table(scores, "ridge", count=3)
    assert "held-out labelled nodes" in text
    best = max(np.flatnonzero(scores.held_out & ~np.isnan(scores.known)), key=lambda i: scores.score[i])
    assert scores.name[best] in text.splitlines()[4]
    assert len(text.strip().splitlines()) == 2 + 2 + 3


def test_a_changed_dataset_is_refused(run: Run, tmp_path: Path) -> None:
    store_synthetic(tmp_path, seed=1)
    with pytest.raises(NieError, match="made from an older synthetic"):
        score_nodes(run, data_root=tmp_path)


@pytest.mark.parametrize("coverage", [0, 1, 90, -0.5, float("nan"), "0.9", True])
def test_a_coverage_is_a_share(coverage: float, run: Run, tmp_path: Path) -> None:
    with pytest.raises(NieError, match="coverage must be a number above 0 and below 1; got"):
        score_nodes(run, data_root=tmp_path, coverage=coverage)


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


@pytest.mark.parametrize("method", ["ppr", "ppr-published"])
def test_what_has_seen_the_test_labels_holds_nothing_out(method: str, tmp_path: Path) -> None:
    kg = synthetic(0, 800)
    save(kg, tmp_path / kg.name / "processed")
    scores = score_nodes(estimate(small(method), data_root=tmp_path, run_root=tmp_path / "runs"), data_root=tmp_path)
    honest = not METHODS[method].sees_test_labels
    assert scores.held_out[kg.label_mask].any() == honest
    assert np.isfinite(scores.interval[0]).any() == np.isfinite(scores.p_top100).any() == honest
    assert ("has seen every known score" in scores.remarks().get("intervals", "")) != honest
