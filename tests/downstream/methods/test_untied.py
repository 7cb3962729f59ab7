"""downstream.methods.untied."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from downstream.methods.baselines import MonotoneScale
from downstream.methods.untied import untied


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


@pytest.mark.parametrize("scale", [1e-6, 1.0, -1e3])
def test_rounding_of_scores_tells_no_nodes_apart(scale: float) -> None:
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, 40, 500)  # nodes of a kind have the same input
    exact = scale * draw.uniform(1, 9, 40)[kinds]
    score = exact * (1 + 1e-8 * draw.normal(size=500))
    prediction = score.astype(np.float32).astype(np.float64)
    assert len(np.unique(score)) > 400
    np.testing.assert_array_equal(untied(prediction, score), prediction)
    constant = np.where(kinds < 20, 1.0, 2.0)  # on a step the kinds are told apart, and nodes of a kind are not
    assert len(np.unique(untied(constant, score))) == len(np.unique(kinds))
