"""Ridge regression on similarity to other nodes, in which every feature says as much as any other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel

from downstream.methods.baselines import FoldData, Predictor
from downstream.methods.fitted import Fitted
from downstream.methods.tabular_settings import KernelRidgeModel
from nie.arrays import Floats, Floats32
from nie.inputs.column_scale import deviations
from pretrain.cross_validation import Fold
from pretrain.probe import ridge_weights

WIDTHS = (0.25, 0.5, 1.0)
"""Of the kernel; validation nodes choose one."""
FARTHEST = 5.0
"""Standard deviations beyond which a value counts no further, so that one long tail does not decide a distance."""
AT_ONCE = 4096
"""Rows that are compared with the landmarks at a time, which bounds the memory."""


def kernel_ridge_baseline(given: FoldData, settings: KernelRidgeModel) -> Fitted:
    r"""Kernel ridge regression by landmarks (Williams and Seeger, NeurIPS 2000), with a kernel of F features.

    .. math::
        k(u, v) = \exp\Big(-w \sum_{f=1}^{F} \frac{\lVert x_{uf} - x_{vf} \rVert^2}{F d_f}\Big)

    A feature f has d_f columns, each standardised on the training nodes. So every feature counts the same, however
    many columns it has: seven numbers of a film as much as 384 of its text. Trees and `ridge_baseline` see columns
    alone. The landmarks are training nodes, drawn at random where there are more than ``settings.landmarks``, and all
    of them otherwise, which leaves the kernel as it is. The penalty is not the norm of the kernel's space: it is on the
    weights of the landmarks' columns, each standardised on the training nodes as in `ridge_weights`. The validation
    nodes choose it and the width w of `WIDTHS`.
    """
    score = fitted_kernel_ridge(given, settings)(given.features)
    return Fitted(score, score)


def fitted_kernel_ridge(given: FoldData, settings: KernelRidgeModel) -> Predictor:
    """The regression of `kernel_ridge_baseline`."""
    train, val = given.fold.train, given.fold.val
    scale = _Scale.of(given.features[train], given.widths or (given.features.shape[1],))
    rows = scale(given.features[np.concatenate([train, val])])
    targets = given.targets[np.concatenate([train, val])]
    numbers = np.arange(len(rows))
    fold = Fold(given.fold.index, numbers[: len(train)], numbers[len(train) :], numbers[:0])

    def fitted(width: float) -> tuple[float, Predictor]:
        kernel = Nystroem(gamma=width, n_components=min(settings.landmarks, len(train)), random_state=given.seed)
        similar = kernel.fit(rows[fold.train]).transform(rows)
        weights, constant = ridge_weights(similar, targets, fold)

        of_landmarks = kernel.normalization_.T @ weights  # which saves the transformation of every node

        def predict(table: Floats32) -> Floats:
            ends = [*range(0, len(table), AT_ONCE), len(table)]
            scaled = (scale(table[first:end]) for first, end in pairwise(ends))
            parts = [rbf_kernel(part, kernel.components_, gamma=width) @ of_landmarks for part in scaled]
            return np.concatenate(parts) + constant

        error = np.mean((similar[fold.val] @ weights + constant - targets[fold.val]) ** 2)
        return float(error), predict

    return min(map(fitted, WIDTHS), key=lambda made: made[0])[1]


@dataclass(frozen=True, eq=False)
class _Scale:
    """Columns in standard deviations, divided by the root of how many columns the feature has, and of F."""

    mean: Floats
    unit: Floats
    share: Floats

    @classmethod
    def of(cls, rows: Floats32, widths: tuple[int, ...]) -> _Scale:
        exact = rows.astype(np.float64)
        features: Any = np.repeat(widths, widths)
        return cls(exact.mean(axis=0), deviations(exact), 1 / np.sqrt(len(widths) * features))

    def __call__(self, rows: Floats32) -> Floats:
        return ((rows - self.mean) / self.unit).clip(-FARTHEST, FARTHEST) * self.share
