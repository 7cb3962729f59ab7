"""The figures of a fold: of its importance, its tiers and how its channels agree."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.metrics.importance import rmse
from downstream.metrics.registry import evaluate, node_metrics
from downstream.metrics.tiers import SHARES, cut, tier_borders, tier_figures, tier_of
from nie.arrays import Floats, Ints
from nie.errors import NieError
from nie.plugins import source_of
from pretrain.cross_validation import Fold


class FoldJudge:
    """Figures of predictions on a fold, those of tiers too where the training labels make any.

    Args:
        targets: (N,) labels.
        fold: its nodes.
        shares: of the training nodes that are in each tier or above it.

    Example:
        >>> import numpy as np
        >>> from pretrain.cross_validation import make_folds
        >>> targets = np.arange(1000.0)
        >>> judge = FoldJudge(targets, make_folds(np.ones(1000, bool))[0])
        >>> figures = judge(judge.fold.val, targets)
        >>> figures["spearman"], figures["macro_f1"]
        (1.0, 1.0)
    """

    def __init__(self, targets: Floats, fold: Fold, shares: Sequence[float] = SHARES) -> None:
        self.targets, self.fold = targets, fold
        self.borders: Floats | None = None
        try:
            self.borders = tier_borders(targets[fold.train], shares)
        except NieError as error:  # too few labels, or too many equal ones; raised when tiers are asked for
            self._no_tiers = f"Fold {fold.index}: {error}"

    def tiers_of(self, ids: Ints) -> Ints:
        """(n,) tier of the label of each of the nodes ``ids``.

        Raises:
            NieError: the training labels make no tiers.
        """
        if self.borders is None:
            raise NieError(self._no_tiers)
        return tier_of(self.targets[ids], self.borders)

    def try_registered(self) -> None:
        """Compute the metrics of a user's own once, on validation labels, so that one that fails does before training.

        Raises:
            NieError: one fails.
        """
        labels = self.targets[self.fold.val]
        evaluate(labels, labels, [name for name in node_metrics() if source_of("metric", name)])

    def __call__(
        self, ids: Ints, prediction: Floats, ranking: Floats | None = None, probability: Floats | None = None
    ) -> dict[str, float]:
        """The figures of the nodes ``ids``.

        Args:
            ids: (n,).
            prediction: (N,) on the label scale.
            ranking: (N,) for the ranking metrics; by default the prediction.
            probability: (N, C) of every tier; by default tiers come from cutting the prediction at their borders, and
                probabilities from a normal error as large as the RMSE of the validation nodes.
        """
        target = self.targets[ids]
        figures = evaluate(target, prediction[ids], ranking=None if ranking is None else ranking[ids])
        if self.borders is None:
            return figures
        if probability is None:
            val = self.fold.val
            predicted, sure = cut(prediction[ids], self.borders, rmse(self.targets[val], prediction[val]))
        else:
            predicted, sure = probability[ids].argmax(axis=1), probability[ids]
        return figures | tier_figures(tier_of(target, self.borders), predicted, sure)
