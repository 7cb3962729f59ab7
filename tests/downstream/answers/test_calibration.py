"""downstream.answers.calibration."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from reference import conformal

from downstream.answers.calibration import LEAST, Calibration, least_nodes
from nie.arrays import Bools


def uneven(nodes: int = 3000, seed: int = 0, *, scaled: bool = False) -> Calibration:
    """Errors that grow with the prediction and shrink with the degree; a third of the nodes is not held out."""
    draw = np.random.default_rng(seed)
    prediction, degree = draw.gamma(4, 1.5, nodes), draw.geometric(0.1, nodes)
    error = draw.gamma(2, 1, nodes) - 2
    truth = np.maximum(prediction + error * (0.2 + 0.1 * prediction + 1 / degree), 0)
    scale = draw.uniform(0.5, 2, nodes) if scaled else np.ones(nodes)
    part = np.where(draw.random(nodes) < 2 / 3, np.arange(nodes) % 5, -1)
    return Calibration(prediction, truth, part, degree, scale)


def inside(known: Calibration, coverage: float) -> Bools:
    lower, upper = known.interval(coverage)
    return (lower <= known.truth) & (known.truth <= upper)


@pytest.mark.parametrize("coverage", [0.5, 0.75, 0.9, 0.98])
def test_exchangeable_nodes_are_covered_as_often_as_asked(coverage: float) -> None:
    known = uneven(60_000)
    within, group, count = inside(known, coverage), known.residuals.group, known.residuals.count
    bins = [(group == number, compared) for number, compared in enumerate(count)]
    for nodes, compared in ((known.part >= 0, 32_000), (known.part < 0, 40_000), (known.part == 3, 32_000), *bins):
        error = np.sqrt(coverage * (1 - coverage) * (1 / nodes.sum() + 1 / compared))
        wider = 2 / LEAST if compared < 1000 else 0.0  # ends are residuals, so that of few nodes more are covered
        assert coverage - 4 * error < within[nodes].mean() < coverage + 4 * error + wider


def test_bins_are_right_where_one_width_for_all_is_wrong() -> None:
    known = uneven(60_000)
    high = known.prediction > np.quantile(known.prediction, 0.99)
    wide = np.quantile(np.abs(known.truth - known.prediction), 0.9)
    assert (np.abs(known.truth - known.prediction)[high] <= wide).mean() < 0.75
    assert inside(known, 0.9)[high].mean() > 0.87


@pytest.mark.parametrize(
    ("coverage", "scaled"), [(Fraction(9, 10), False), (Fraction(1, 2), True), (Fraction(99, 100), True)]
)
def test_ends_are_those_of_the_slow_loop(coverage: Fraction, scaled: bool) -> None:
    known = uneven(1500, scaled=scaled)
    columns = [known.prediction, known.truth, known.part, known.degree, known.scale]
    lower, upper = known.interval(float(coverage))
    for node in range(0, 1500, 60):
        expected = conformal.interval(node, *(column.tolist() for column in columns), coverage)
        assert (lower[node], upper[node]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("coverage", [0.75, 0.875, 0.9375])
def test_ends_are_those_of_crepes(coverage: float) -> None:
    crepes = pytest.importorskip("crepes")
    known = uneven(scaled=True)
    others, residuals = known.part >= 0, known.residuals
    bins = residuals.group % (len(residuals.count) // 6)  # of five parts, and of those that are in none
    system = crepes.ConformalPredictiveSystem()
    system.fit((known.truth - known.prediction)[others], sigmas=known.scale[others], bins=bins[others])
    rest = ~others
    expected = system.predict_int(known.prediction[rest], known.scale[rest], bins[rest], confidence=coverage)
    lower, upper = known.interval(coverage)
    assert np.allclose(lower[rest], np.minimum(expected[:, 0], known.prediction[rest]).clip(min=0))
    assert np.allclose(upper[rest], np.maximum(expected[:, 1], known.prediction[rest]))


def test_neither_its_own_label_nor_its_fold_moves_the_interval_of_a_node() -> None:
    known = uneven()
    own = known.part == 2
    wild = replace(known, truth=np.where(own, known.truth + 50, known.truth))
    for before, after in zip(known.interval(0.9), wild.interval(0.9), strict=True):
        assert np.array_equal(before[own], after[own])
        assert not np.array_equal(before[~own], after[~own])


def test_bins_hold_enough_nodes_whichever_part_is_left_out() -> None:
    for nodes, coverage in ((3000, 0.9), (700, 0.9), (3000, 0.995)):
        known = uneven(nodes)
        residuals = known._residuals(max(LEAST, least_nodes(coverage)))
        assert residuals.count.min() >= max(LEAST, least_nodes(coverage))
    known = replace(uneven(60_000), degree=np.arange(60_000))
    # Five groups of degrees in each tier but that of the top 1 %, which has nodes for two; five parts and none.
    assert len(known.residuals.count) == (2 + 3 * 5) * 6


@pytest.mark.parametrize("coverage", [0.01, 0.9, 0.99])
def test_intervals_hold_their_prediction_and_widen_with_the_coverage(coverage: float) -> None:
    known = uneven()
    biased = replace(known, truth=known.prediction + 3 + np.abs(known.truth))  # all residuals are above 0
    for one in (known, biased):
        lower, upper = one.interval(coverage)
        narrower = one.interval(coverage / 2)
        assert (lower >= 0).all()
        assert (lower <= one.prediction).all()
        assert (upper >= one.prediction).all()
        assert (lower <= narrower[0]).all()
        assert (upper >= narrower[1]).all()


def test_a_doubtful_node_has_a_wider_interval_in_proportion() -> None:
    known = replace(uneven(), scale=np.ones(3000))
    node = int(np.flatnonzero(known.part < 0)[0])
    doubled = replace(known, scale=np.where(np.arange(3000) == node, 2.0, 1.0))
    (lower, upper), (low, high) = known.interval(0.5), doubled.interval(0.5)
    at = known.prediction[node]
    assert high[node] - at == pytest.approx(2 * (upper[node] - at))
    assert at - low[node] == pytest.approx(2 * (at - lower[node]))


def test_equal_predictions_and_degrees_share_an_interval() -> None:
    known = replace(uneven(), prediction=np.full(3000, 5.0), degree=np.ones(3000, int))
    lower, upper = known.interval(0.9)
    for part in range(-1, 5):
        assert len(np.unique(lower[known.part == part])) == len(np.unique(upper[known.part == part])) == 1


def test_the_nodes_that_an_interval_takes_are_just_enough() -> None:
    nodes = least_nodes(0.9)
    known = Calibration(
        np.full(2 * nodes, 50.0), 50 + np.arange(2.0 * nodes), np.arange(2 * nodes) % 2, np.ones(2 * nodes, int),
        np.ones(2 * nodes),
    )  # fmt: skip
    assert known.nodes == nodes
    assert known.interval(0.9)[1].max() == 50 + 2 * nodes - 1  # the largest residual of the other part
