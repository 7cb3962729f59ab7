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
