"""Scores that lie nowhere far beyond what is known."""

from __future__ import annotations

import numpy as np

from nie.arrays import Floats

MARGIN = 0.05
"""Scores leave the range of the known labels by at most this share of it."""
LEAST_MARGIN = 0.01
"""Room for what is predicted below all labels where these begin at 0, as a share of their range."""


def within_known(prediction: Floats, labels: Floats) -> Floats:
    """Draw predictions beyond the labels that the model was trained on closer to these, in the same order.

    A model has seen nothing out there, and a small error on the scale of logarithms is a huge one on that of scores.
    A prediction that exceeds the largest label by d becomes ``largest + m d / (m + d)`` with m = 5 % of the range of
    the labels: close by it hardly moves, and it never gets more than m beyond. The same holds below the smallest label,
    but that nothing falls below 0, as no label does. Where there is no room between 0 and the smallest label, all that
    is predicted below 1 % of the range shares the room between 0 and there.

    Args:
        prediction: (N,) on the label scale.
        labels: (n,) training labels, on the same scale.

    >>> within_known(np.array([-9.0, 1.0, 5.0, 11.0, 30.0]), np.array([0.0, 4.0, 10.0])).round(2).tolist()
    [0.0, 1.0, 5.0, 10.33, 10.49]
    """
    smallest, largest = labels.min(), labels.max()
    span = largest - smallest or max(largest, 1.0)
    lowest, highest = max(smallest - MARGIN * span, 0.0), largest + MARGIN * span
    low = max(smallest, lowest + LEAST_MARGIN * span)
    high = max(largest, low)
    above, below = (prediction - high).clip(min=0), (low - prediction).clip(min=0)
    return np.asarray(prediction.clip(low, high) + _drawn_in(above, highest - high) - _drawn_in(below, low - lowest))


def importance_of(values: Floats, label_transform: str) -> Floats:
    """Values on the label scale as importances.

    >>> importance_of(np.array([0.0, 1.0]), "log1p").round(2).tolist(), importance_of(np.array([2.0]), "none").tolist()
    ([0.0, 1.72], [2.0])
    """
    return np.expm1(values) if label_transform == "log1p" else values


def _drawn_in(excess: Floats, most: float) -> Floats:
    return most * excess / (most + excess)
