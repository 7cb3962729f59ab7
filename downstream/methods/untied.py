"""Predictions without needless ties."""

from __future__ import annotations

import numpy as np

from nie.arrays import Floats
from nie.rank_correlation import average_ranks

ROUNDING = float(np.finfo(np.float32).eps)
"""Relative difference of scores below which it is rounding: predictions are kept as float32, scores as float64."""


def untied(prediction: Floats, ranking: Floats) -> Floats:
    """Tell nodes of equal predictions apart by the score that ranks them, without changing the order of any others.

    The fit that maps PageRank to the label scale is constant on steps, which hold many nodes. Those of a step spread
    evenly around it in the order of ``ranking``, up to a quarter of the way to the next step on either side; nodes that
    ``ranking`` ties, too, but for `ROUNDING`, stay equal. Where all predictions are equal there is no next step, and
    all stay so.

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
    told, size = np.diff(ranking[order]), np.abs(ranking[order])
    apart = np.abs(told) > ROUNDING * np.maximum(size[1:], size[:-1])
    differs = np.append(False, (np.diff(step[order]) != 0) | apart)
    place = np.empty(len(prediction))
    place[order] = np.cumsum(differs)
    before = np.cumsum(sizes) - sizes  # how many nodes are on lower steps
    share = (average_ranks(place) - before[step] - 0.5) / sizes[step]  # from 0 to 1 along the step
    return np.asarray(prediction + (share - 0.5) * width[step])
