"""pretrain.label_scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from nie.data import synthetic
from pretrain.cross_validation import make_folds
from pretrain.label_scale import LabelScale, scale_of

KINDS = ("raw", "log1p", "rank", "normal")


def skewed(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).lognormal(3, 2, count).round(1)


@pytest.mark.parametrize("logarithmic", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_learned_is_the_named_function_up_to_mean_and_deviation(kind: Any, logarithmic: bool) -> None:
    labels = skewed()
    targets = np.log1p(labels) if logarithmic else labels
    learned = LabelScale.fit(kind, targets, logarithmic=logarithmic).forward(targets)
    shares = (rankdata(labels) - 0.5) / len(labels)
    named = {"raw": labels, "log1p": np.log1p(labels), "rank": shares, "normal": norm.ppf(shares)}[kind]
    assert np.corrcoef(learned, named)[0, 1] == pytest.approx(1, abs=1e-12)
    assert [learned.mean(), learned.std()] == pytest.approx([targets.mean(), targets.std()])


@pytest.mark.parametrize("logarithmic", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_way_back_undoes_it_and_rises_everywhere(kind: Any, logarithmic: bool) -> None:
    labels = skewed()
    targets = np.log1p(labels) if logarithmic else labels
    scale = LabelScale.fit(kind, targets, logarithmic=logarithmic)
    unseen = np.concatenate([targets, [np.nan, 0.0, targets.max() * 1.2]])
    np.testing.assert_allclose(scale.back(scale.forward(unseen)), unseen, rtol=1e-9, atol=1e-9)
    spread = 3 * targets.std()
    anywhere = np.linspace(targets.min() - spread, targets.max() + spread, 500)
    assert (np.diff(scale.back(anywhere)) > 0).all()


@pytest.mark.parametrize("logarithmic", [True, False])
@pytest.mark.parametrize("kind", ["given", *KINDS])
def test_the_slope_is_that_of_the_way_back(kind: Any, logarithmic: bool) -> None:
    labels = skewed()
    targets = np.log1p(labels) if logarithmic else labels
    scale = LabelScale.fit(kind, targets, logarithmic=logarithmic)
    learned = scale.forward(targets)
    places = np.random.default_rng(1).uniform(learned.min() - 1, learned.max() + 1, 500)
    step = 1e-7 * np.ptp(learned)
    expected = (scale.back(places + step) - scale.back(places - step)) / (2 * step)
    np.testing.assert_allclose(scale.slope(places), expected, rtol=2e-3, atol=1e-6)
    start, end = places[:2].tolist()
    mean = scale.slope(np.linspace(start, end, 200_001)).mean()
    assert scale.mean_slope(start, end) == pytest.approx(mean, rel=1e-3)
    assert scale.mean_slope(start, start) == scale.slope(places[:1])[0]


def test_labels_as_they_are_stay_bit_for_bit() -> None:
    targets = np.log1p(skewed())
    for kind in ("given", "log1p"):
        scale = LabelScale.fit(kind, targets, logarithmic=True)
        assert scale.forward(targets) is targets
        assert scale.back(targets) is targets


@pytest.mark.parametrize("targets", [np.full(5, 2.0), np.full(50, 2.3), np.full(50, 0.1)])  # whose deviations round
@pytest.mark.parametrize("kind", KINDS)
def test_equal_labels_are_learned_as_their_mean(kind: Any, targets: np.ndarray) -> None:
    scale = LabelScale.fit(kind, targets, logarithmic=True)
    np.testing.assert_allclose(scale.forward(targets), targets)
    np.testing.assert_allclose(scale.back(targets), targets)


@pytest.mark.parametrize("kind", KINDS)
def test_only_training_labels_make_the_scale(kind: Any) -> None:
    kg = synthetic(0)
    fold = make_folds(kg.label_mask)[0]
    other = kg.labels.copy()
    other[fold.test] = other[fold.test][::-1] * 7
    changed = scale_of(kind, type("Graph", (), {"targets": np.log1p(other), "label_transform": "log1p"})(), fold)
    ours = scale_of(kind, kg, fold)
    np.testing.assert_array_equal(changed.forward(kg.targets), ours.forward(kg.targets))
