"""From what the models of a run predict to one scale of scores: no needless ties, nothing far beyond what is known."""

from __future__ import annotations

import numpy as np

from downstream.metrics.importance import average_ranks
from nie.arrays import Floats

MARGIN = 0.05
"""Scores leave the range of the known labels by at most this share of it."""
LEAST_MARGIN = 0.01
"""Room for what is predicted below all labels where these begin at 0, as a share of their range."""


def untied(prediction: Floats, ranking: Floats) -> Floats:
    """Tell nodes of equal predictions apart by the score that ranks them, without changing the order of any others.

    The fit that maps PageRank to the label scale is constant on steps, which hold many nodes. Those of a step spread
    evenly around it in the order of ``ranking``, up to a quarter of the way to the next step on either side; nodes that
    ``ranking`` ties, too, stay equal. Where all predictions are equal there is no next step, and all stay so.

    Args:
        prediction: (N,) on the label scale.
        ranking: (N,) the score that ranks the nodes, on any scale.

    >>> untied(np.array([0.0, 4.0, 4.0, 4.0]), np.array([0.1, 0.4, 0.2, 0.4])).round(2).tolist()
    [0.0, 4.33, 3.33, 4.33]
    """
    values, step, sizes = np.unique(prediction, return_inverse=True, return_counts=True)
    if len(values) == 1:
        return prediction
    gaps = np.diff(values)
    width = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf)) / 2
    order = np.lexsort((ranking, step))
    differs = np.append(False, (np.diff(step[order]) != 0) | (np.diff(ranking[order]) != 0))
    place = np.empty(len(prediction))
    place[order] = np.cumsum(differs)
    before = np.cumsum(sizes) - sizes  # how many nodes are on lower steps
    share = (average_ranks(place) - before[step] - 0.5) / sizes[step]  # from 0 to 1 along the step
    return np.asarray(prediction + (share - 0.5) * width[step])


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


def _drawn_in(excess: Floats, most: float) -> Floats:
    return most * excess / (most + excess)
