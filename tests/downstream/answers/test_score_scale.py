"""downstream.answers.score_scale."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from downstream.answers.score_scale import MARGIN, untied, within_known
from downstream.methods.baselines import MonotoneScale


def test_steps_of_an_isotonic_fit_are_spread_in_the_order_of_the_raw_score() -> None:
    draw = np.random.default_rng(0)
    raw = draw.pareto(1.5, 2000)
    train = draw.choice(2000, 300, replace=False)
    target = np.log1p(raw[train]) + draw.normal(0, 1, 300)
    prediction = MonotoneScale.fit(raw[train], target)(raw)
    assert len(np.unique(prediction)) < 1000
    apart = untied(prediction, raw)
    assert spearmanr(apart, raw).statistic == pytest.approx(1.0)
    assert len(np.unique(apart)) == len(np.unique(raw))
    steps = np.unique(prediction)
    assert np.abs(apart - prediction).max() <= np.diff(steps).max() / 4


def test_nodes_that_nothing_tells_apart_stay_equal() -> None:
    assert untied(np.full(3, 2.0), np.arange(3.0)).tolist() == [2.0, 2.0, 2.0]
    apart = untied(np.array([1.0, 1.0, 1.0, 5.0]), np.array([0.0, 0.0, 1.0, 2.0]))
    assert apart[0] == apart[1] < apart[2] < apart[3] == 5.0


def test_predictions_that_rank_as_they_are_do_not_change() -> None:
    prediction = np.random.default_rng(0).integers(0, 9, 50).astype(float)
    assert np.array_equal(untied(prediction, prediction), prediction)


@pytest.mark.parametrize("labels", [[0.0, 3.0, 10.6], [2.0, 3.0], [0.01, 5.0], [4.0, 4.0], [0.0, 0.0]])
def test_nothing_leaves_the_range_of_the_labels_by_more_than_the_margin(labels: list[float]) -> None:
    known = np.array(labels)
    span = known.max() - known.min() or max(known.max(), 1.0)
    prediction = np.linspace(-1000, 1000, 4001)
    score = within_known(prediction, known)
    assert (np.diff(score) > 0).all(), "the order is kept strictly"
    assert score.max() <= known.max() + MARGIN * span
    assert score.min() >= max(known.min() - MARGIN * span, 0.0)


def test_what_is_known_is_not_touched() -> None:
    inside = np.linspace(0.1, 10.0, 50)
    assert np.array_equal(within_known(inside, np.array([0.0, 10.0])), inside)


def test_a_wild_prediction_is_no_longer_millions() -> None:
    labels = np.log1p([0.0, 42_081.0])
    assert np.expm1(within_known(np.log1p([2.8e6]), labels)) < 2 * 42_081
