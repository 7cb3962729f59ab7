"""downstream.answers.interval."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small, store_synthetic, with_labels

from downstream.answers.calibration import Calibration
from downstream.answers.interval import COVERAGE, DRAWS, TOP, Intervals, _parts
from downstream.answers.node_scores import NodeScores, score_nodes
from downstream.answers.predicted import Predicted
from downstream.methods.fitted import Fitted
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph, synthetic
from nie.data.graph import LARGEST_LABEL
from nie.data.graph_change import GraphChange, NewNode
from nie.data.store import save
from nie.runs.run import Run


@pytest.fixture
def kg(tmp_path: Path) -> KnowledgeGraph:
    return store_synthetic(tmp_path)


def made(tmp_path: Path, method: str = "ridge", **settings: Any) -> Run:
    return estimate(small(method, **settings), data_root=tmp_path, run_root=tmp_path / "runs")


def held_out(nodes: int, spread: float = 1.0, seed: int = 0) -> Intervals:
    """Exchangeable nodes, with normal errors of a standard deviation, on a plain scale."""
    draw = np.random.default_rng(seed)
    prediction = draw.gamma(4, 1, nodes) + 10
    truth = prediction + draw.normal(0, spread, nodes)
    known = Calibration(prediction, truth, np.arange(nodes) % 5, np.arange(nodes), np.ones(nodes))
    return Intervals(known, np.ones(nodes, bool), "none")


def ends(scores: NodeScores) -> np.ndarray[Any, Any]:
    return np.stack(scores.interval)


@pytest.mark.parametrize("method", ["ridge", "pagerank", "mlp"])
def test_score_interval_rank_and_chance_agree(method: str, kg: KnowledgeGraph, tmp_path: Path) -> None:
    scores = score_nodes(made(tmp_path, method), data_root=tmp_path)
    columns = scores.columns()
    for score, lower, upper, rank, chance in zip(
        *(columns[name] for name in ("score", "lower", "upper", "rank", "p_top100")), strict=True
    ):
        assert 0 <= lower <= score <= upper
        assert 0 <= chance <= 1
        assert rank is not None
    chances = np.array(columns["p_top100"])
    assert abs(chances.sum() - TOP) < 1  # but for draws in which nodes share the last place
    assert chances[:30].mean() > chances[-30:].mean()


def test_a_blend_has_intervals_too(kg: KnowledgeGraph, tmp_path: Path) -> None:
    parts = [str(made(tmp_path, method).path) for method in ("pagerank", "ridge")]
    scores = score_nodes(made(tmp_path, "blend", parts=parts), data_root=tmp_path)
    tested = scores.held_out & kg.label_mask
    lower, upper = scores.interval
    inside = (lower <= scores.known) & (scores.known <= upper)
    assert 0.8 < inside[tested].mean() <= 1  # 107 nodes


def test_changing_its_label_does_not_move_a_nodes_own_interval(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a method that learns from no label, so that nothing but the calibration could tell of it."""
    draw = np.random.default_rng(0)
    fixed = draw.uniform(2, 4, kg.num_nodes)
    monkeypatch.setitem(METHODS, "ridge", replace(METHODS["ridge"], fit=lambda *_: Fitted(fixed, fixed)))
    before = score_nodes(made(tmp_path), data_root=tmp_path)
    own = made(tmp_path).split(1)["test"]
    changed = kg.labels.copy()
    changed[own] = np.expm1(draw.uniform(2, 4, len(own)))  # within the labels of the others, which bound predictions
    save(with_labels(kg, changed), tmp_path / "changed" / kg.name / "processed")
    after = score_nodes(made(tmp_path / "changed"), data_root=tmp_path / "changed")
    assert np.array_equal(ends(before)[:, own], ends(after)[:, own])
    assert not np.array_equal(ends(before)[:, ~before.held_out], ends(after)[:, ~before.held_out])


def test_a_run_of_one_fold_is_compared_within_it(kg: KnowledgeGraph, tmp_path: Path) -> None:
    run = made(tmp_path, folds={"run": [3]})
    scores = score_nodes(run, data_root=tmp_path)
    tested = run.split(3)["test"]
    assert scores.intervals is not None
    part = scores.intervals.calibration.part
    assert np.array_equal(np.flatnonzero(part >= 0), tested)
    assert set(np.bincount(part[tested])) <= {len(tested) // 5, len(tested) // 5 + 1}
    assert np.isfinite(ends(scores)).all()


def test_parts_are_folds_where_there_are_several() -> None:
    fold = np.array([1, 0, -1, 0])
    assert _parts(fold) is fold
    assert sorted(_parts(np.array([0, -1, 0, 0, 0, 0])).tolist()) == [-1, 0, 1, 2, 3, 4]


def test_nothing_is_said_of_nodes_that_are_not_ranked(tmp_path: Path) -> None:
    known = held_out(600)
    ranked = np.arange(600) % 3 != 0
    some = replace(known, ranked=ranked)
    for column in (*some.at(0.9), some.p_top100):
        assert np.array_equal(np.isnan(column), ~ranked)
    assert np.nansum(some.p_top100) == pytest.approx(TOP)


def test_too_few_held_out_nodes_leave_the_columns_empty_and_say_what_to_do(
    kg: KnowledgeGraph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scores = score_nodes(made(tmp_path), data_root=tmp_path, coverage=0.99)
    said = scores.remarks()["intervals"]
    assert said == (
        "There are no intervals, because a coverage of 0.99 takes 199 held-out nodes with a known score beside those "
        "of a node's own fold, and there are 53; give more scores, run more folds, or ask for a coverage of at most "
        "0.962."
    )
    assert said in caplog.text
    assert scores.columns()["lower"] == scores.columns()["upper"] == [None] * kg.num_nodes
    assert None not in scores.columns()["p_top100"]  # takes no more nodes than intervals of 90 %
    for coverage, empty in ((0.962, False), (0.964, True)):
        assert (None in scores.at(coverage).columns()["upper"]) == empty


@pytest.mark.parametrize("nodes", [1, 2, 22])
def test_a_handful_of_held_out_nodes_tells_nothing(nodes: int) -> None:
    few = held_out(nodes)
    assert few.calibration.shortage(COVERAGE)
    assert np.isnan([*few.at(COVERAGE), few.p_top100]).all()


def test_of_a_hundred_nodes_or_fewer_each_is_among_the_hundred() -> None:
    assert held_out(100).p_top100.tolist() == [1.0] * 100


def test_the_chance_is_that_of_the_truth() -> None:
    """Of nodes with a chance of p, the share p is among the true top 100; and what is hopeless is never drawn."""
    several = [held_out(3000, seed=seed) for seed in range(8)]
    chance = np.concatenate([known.p_top100 for known in several])
    truth = [known.calibration.truth for known in several]
    top = np.concatenate([one >= np.sort(one)[-TOP] for one in truth])
    for low, high in ((0, 0.01), (0.01, 0.05), (0.05, 0.2), (0.2, 0.6), (0.6, 1.01)):
        like = (low <= chance) & (chance < high)
        assert abs(top[like].mean() - chance[like].mean()) < 4 * np.sqrt(chance[like].mean() / like.sum())


def test_chances_are_those_of_plain_draws_over_all_nodes() -> None:
    ranked = 260
    known = replace(held_out(300), ranked=np.arange(300) < ranked)
    residuals, calibration = known.calibration.residuals, known.calibration
    compared = np.split(residuals.sorted, residuals.start[1:])
    draw, hits = np.random.default_rng(1), np.zeros(ranked)
    for _ in range(DRAWS):
        value = np.empty(ranked)
        for node in range(ranked):
            like = compared[residuals.group[node]]
            value[node] = calibration.prediction[node] + like[draw.integers(len(like))] * calibration.scale[node]
        hits[np.argsort(-value)[:TOP]] += 1
    plain, found = hits / DRAWS, known.p_top100[:ranked]
    assert np.abs(plain - found).max() < 5 * np.sqrt(2 * 0.25 / DRAWS)
    assert np.abs(plain - found).mean() < 0.02


def test_equal_nodes_have_equal_chances_whatever_their_place() -> None:
    known = held_out(1000)
    calibration = replace(known.calibration, prediction=np.full(1000, 12.0), degree=np.zeros(1000, int))
    chance = replace(known, calibration=calibration).p_top100
    assert abs(chance - 0.1).max() < 5 * np.sqrt(0.1 * 0.9 / DRAWS)
    assert abs(chance[:500].mean() - chance[500:].mean()) < 0.005


def test_ends_stay_within_what_an_importance_can_be() -> None:
    kg = synthetic(0)
    highest = np.log1p(LARGEST_LABEL["log1p"])
    labels = np.where(kg.label_mask, LARGEST_LABEL["log1p"] * (np.arange(kg.num_nodes) % 7 == 0), np.nan)
    fold = np.where(kg.label_mask, np.arange(kg.num_nodes) % 5, -1)
    nobody = np.zeros(kg.num_nodes, bool)
    spread = np.where(np.arange(kg.num_nodes) % 9 == 0, 1e6, 1.0)
    value = np.full(kg.num_nodes, highest / 2)
    lower, upper = Intervals.of(Predicted(value, fold, nobody, spread), with_labels(kg, labels), ~nobody).at(0.9)
    assert lower.min() == 0
    assert np.isfinite(upper).all()
    assert upper.max() == pytest.approx(LARGEST_LABEL["log1p"])


def test_a_node_whose_members_disagree_has_a_wider_interval() -> None:
    kg = synthetic(0)
    fold = np.where(kg.label_mask, np.arange(kg.num_nodes) % 5, -1)
    nobody = np.zeros(kg.num_nodes, bool)
    value = np.where(kg.label_mask, kg.targets, 3.0) + np.random.default_rng(0).normal(0, 0.2, kg.num_nodes)
    spread = np.where(np.arange(kg.num_nodes) % 2, 0.0, 1.0)
    found = Intervals.of(Predicted(value, fold, nobody, spread), kg, ~nobody)
    assert sorted(set(found.calibration.scale / spread[fold >= 0].mean())) == pytest.approx([1.0, 3.0], rel=0.05)
    unscaled = Intervals.of(Predicted(value, fold, nobody, None), kg, ~nobody)
    agreeing = Intervals.of(Predicted(value, fold, nobody, np.zeros(kg.num_nodes)), kg, ~nobody)
    assert np.array_equal(unscaled.at(0.9), agreeing.at(0.9))
    lower, upper = found.calibration.interval(0.5)
    width = upper - lower
    assert width[spread == 1].mean() > 2 * width[spread == 0].mean()


@pytest.mark.parametrize("members", [False, True])
def test_what_changes_is_told_by_what_was_missed_before(members: bool, kg: KnowledgeGraph) -> None:
    """Nodes that do not change keep their intervals, whatever a changed one is predicted, and new ones have some."""
    draw, count = np.random.default_rng(0), kg.num_nodes
    fold = np.where(kg.label_mask, np.arange(count) % 3, -1)
    value = np.nan_to_num(kg.targets, nan=3.0) + draw.normal(0, 0.3, count)
    spread = draw.uniform(0.1, 0.2, count) if members else None
    before = Predicted(value, fold, np.zeros(count, bool), spread)
    changed = value.copy()
    changed[7] = 50.0
    after = Predicted(
        np.append(changed, 4.0), np.append(fold, -1), np.zeros(count + 1, bool),
        None if spread is None else np.append(spread, 0.15),
    )  # fmt: skip
    bigger = GraphChange(kg, nodes=[NewNode("x", None)]).after
    told = Intervals.of_changed(before, kg, after, bigger, np.ones(count + 1, bool))
    expected = Intervals.of(before, kg, np.ones(count, bool))
    for end, known in zip(told.at(0.8), expected.at(0.8), strict=True):
        assert len(end) == count + 1
        np.testing.assert_allclose(np.delete(end[:count], 7), np.delete(known, 7))
    lower, upper = (end[count] for end in told.at(0.8))
    assert lower < np.expm1(4.0) < upper
    assert told.p_top100[7] == 1.0
    assert 0 <= told.p_top100[count] <= 1
