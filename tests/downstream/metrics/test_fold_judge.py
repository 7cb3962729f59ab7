"""downstream.metrics.fold_judge."""

from __future__ import annotations

import numpy as np

from downstream.metrics.fold_judge import FoldJudge
from downstream.metrics.registry import METRICS, evaluate
from pretrain.cross_validation import make_folds

LABELS = np.random.default_rng(0).gamma(2.0, size=1000)
FOLD = make_folds(np.ones(1000, bool))[0]


def test_scores_rank_and_predictions_are_compared_in_value() -> None:
    prediction = LABELS + 1
    figures = FoldJudge(LABELS, FOLD)(FOLD.test, prediction, -LABELS)
    assert figures["rmse"] == 1
    assert figures["spearman"] == -1
    assert set(figures) <= set(METRICS)


def test_probabilities_take_the_place_of_cutting() -> None:
    judge = FoldJudge(LABELS, FOLD)
    lowest = np.tile([0.0, 0.0, 0.0, 1.0], (1000, 1))
    assert judge(FOLD.test, LABELS)["macro_f1"] == 1
    assert judge(FOLD.test, LABELS, probability=lowest)["balanced_accuracy"] == 0.25


def test_labels_that_make_no_tiers_have_no_such_figures() -> None:
    figures = FoldJudge(np.ones(1000), FOLD)(FOLD.test, LABELS)
    assert not any(METRICS[name].of_tiers for name in figures)
    assert figures.keys() == evaluate(np.ones(len(FOLD.test)), LABELS[FOLD.test]).keys()
