"""downstream.methods.kernel_ridge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from downstream.methods import kernel_ridge
from downstream.methods.baselines import FoldData
from downstream.methods.kernel_ridge import kernel_ridge_baseline
from downstream.methods.tabular_settings import KernelRidgeModel
from nie.data import synthetic
from nie.errors import NieError
from nie.rank_correlation import spearman
from pretrain.cross_validation import make_folds

SETTINGS = KernelRidgeModel()


@pytest.fixture(scope="module")
def given_() -> FoldData:
    kg = synthetic(seed=0)
    columns = [channel.features for channel in kg.channels.values()]
    widths = tuple(one.shape[1] for one in columns)
    return FoldData(kg, np.concatenate(columns, axis=1), kg.targets, make_folds(kg.label_mask)[0], widths=widths)


def test_it_learns_the_same_each_time_and_reads_no_test_label(given_: FoldData) -> None:
    made, test = kernel_ridge_baseline(given_, SETTINGS), given_.fold.test
    assert spearman(given_.targets[test], made.score[test]) > 0.8
    changed = given_.targets.copy()
    changed[test] += 9
    again = kernel_ridge_baseline(replace(given_, targets=changed), SETTINGS)
    np.testing.assert_array_equal(made.score, again.score)


def test_with_all_landmarks_it_is_kernel_ridge_regression(given_: FoldData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the scale of the penalty's directions: the best of its penalties is as good as the exact one's."""
    monkeypatch.setattr(kernel_ridge, "WIDTHS", (0.5,))
    fold, targets = given_.fold, given_.targets
    made = kernel_ridge_baseline(given_, SETTINGS)
    rows = given_.features.astype(np.float64)
    rows = ((rows - rows[fold.train].mean(0)) / rows[fold.train].std(0)).clip(-5, 5)
    blocks = np.split(rows, np.cumsum(given_.widths)[:-1], axis=1)
    rows = np.concatenate([one / np.sqrt(len(blocks) * one.shape[1]) for one in blocks], axis=1)
    centre, errors = targets[fold.train].mean(), {}
    for alpha in 10.0 ** np.arange(-3, 3):
        exact = KernelRidge(kernel="rbf", gamma=0.5, alpha=alpha).fit(rows[fold.train], targets[fold.train] - centre)
        predicted = exact.predict(rows) + centre
        errors[np.mean((predicted[fold.val] - targets[fold.val]) ** 2)] = predicted
    best = errors[min(errors)]
    assert spearman(best[fold.test], made.score[fold.test]) > 0.97


def test_every_feature_says_as_much_however_many_columns_it_has(given_: FoldData) -> None:
    """Columns of a feature given again change nothing, whereas new features of noise do."""
    first, second = np.split(given_.features, [given_.widths[0]], axis=1)
    twice = np.concatenate([first, first, second], axis=1)
    same = replace(given_, features=twice, widths=(2 * first.shape[1], second.shape[1]))
    plain = kernel_ridge_baseline(given_, SETTINGS)
    np.testing.assert_allclose(kernel_ridge_baseline(same, SETTINGS).score, plain.score, rtol=1e-4, atol=1e-4)
    apart = replace(same, widths=(first.shape[1], *given_.widths))
    assert not np.allclose(kernel_ridge_baseline(apart, SETTINGS).score, plain.score, rtol=1e-3)


def test_fewer_landmarks_are_drawn_by_the_seed(given_: FoldData) -> None:
    few = SETTINGS.model_copy(update={"landmarks": 30})
    first, again = (kernel_ridge_baseline(given_, few).score for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(kernel_ridge_baseline(replace(given_, seed=1), few).score, first)


@pytest.mark.parametrize("count", [2, 30])
def test_few_nodes_and_features_that_say_nothing(given_: FoldData, count: int) -> None:
    fold = replace(given_.fold, train=given_.fold.train[:count])
    for features in (given_.features, np.zeros_like(given_.features)):
        made = kernel_ridge_baseline(replace(given_, fold=fold, features=features), SETTINGS)
        assert np.isfinite(made.score).all()


def test_widths_that_do_not_fit_are_refused(given_: FoldData) -> None:
    with pytest.raises(NieError, match=r"widths \(3,\) of features must add up to"):
        replace(given_, widths=(3,))
