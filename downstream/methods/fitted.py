"""The record that every method returns for a fold, be it a network, a baseline or a blend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nie.arrays import Floats

TIERS_FILE = "tiers.npy"
"""Where a fold keeps the probability of every tier."""

DEVIATION_FILE = "deviation.npy"
"""Where a fold keeps the standard deviation of every label, where a network learns it."""

REACH = 8.0
"""Predictions lie within so many times the largest training label."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The importance of all nodes, and what else of the fit is worth keeping.

    Attributes:
        score: (N,) for the ranking metrics.
        prediction: (N,) on the label scale, for RMSE and MedianAE; often the score itself.
        probability: (N, C) of every tier, where a method learns them.
        deviation: (N,) the standard deviation of a label around its prediction, where a method learns it.
        agreement: of a network's channels on the test nodes, by name of the metric.
        facts: kept in ``metrics.json``: the same for the same seed on the same machine.
        timing: kept in ``timing.json``.
        unseen: (N,) the same as ``prediction``, but for validation nodes of a fit that has not seen their own labels;
            None where no fit has seen any. Validation figures are of it, so that a method can be chosen by them.
    """

    score: Floats
    prediction: Floats
    probability: Floats | None = None
    deviation: Floats | None = None
    agreement: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)
    unseen: Floats | None = None

    def on_label_scale(self, back: Callable[[Floats], Floats]) -> Fitted:
        """The same fit with its predictions on the scale that is judged; ``back`` leads there, and keeps the order."""
        unseen = None if self.unseen is None else back(self.unseen)
        return replace(self, prediction=back(self.prediction), unseen=unseen)


def within_reach(fitted: Fitted, labels: Floats) -> Fitted:
    """Clip the predictions to `REACH` times the largest of the (n,) training labels, above and below 0.

    On the label scale that is far beyond what a sound fit predicts: least squares on TMDB5K reaches 3.5 times. A linear
    fit to very few nodes can leave it, and ``expm1`` of its predictions then be infinite, which within reach it is for
    no label that a graph may have (`nie.data.graph.LARGEST_LABEL`). The score stays as it is, because the order of the
    nodes is known all the same.

    >>> wild = np.array([1.0, 5.0, 900.0, -70.0])
    >>> fitted = within_reach(Fitted(wild, wild), np.array([0.5, 2.0]))
    >>> fitted.prediction.tolist(), fitted.score.tolist()
    ([1.0, 5.0, 16.0, -16.0], [1.0, 5.0, 900.0, -70.0])
    """
    prediction = clipped(fitted.prediction, labels)
    return fitted if (prediction == fitted.prediction).all() else replace(fitted, prediction=prediction)


def clipped(prediction: Floats, labels: Floats) -> Floats:
    """Predictions as `within_reach` clips them."""
    reach = REACH * float(np.abs(labels).max())
    return prediction.clip(-reach, reach)
