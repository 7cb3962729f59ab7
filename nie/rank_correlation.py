"""Spearman's rank correlation, by which both stages choose epochs and settings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nie.arrays import Floats
from nie.errors import NieError


def spearman(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Spearman's rank correlation, with average ranks for ties; nan when either side is constant.

    >>> spearman([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
    0.5
    >>> spearman([1.0, 2.0], [5.0, 5.0])
    nan
    """
    true, predicted = (average_ranks(values) for values in checked_pair(target, prediction))
    true, predicted = true - true.mean(), predicted - predicted.mean()
    scale = float(np.sqrt((true @ true) * (predicted @ predicted)))
    return float(true @ predicted) / scale if scale > 0 else float("nan")


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1, the lowest value first; values that are equal share the mean of their ranks.

    For finite values they are those of `scipy.stats.rankdata`, which takes a second to load.

    >>> average_ranks(np.array([5.0, 7.0, 5.0])).tolist()
    [1.5, 3.0, 1.5]
    """
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(sizes) - (sizes - 1) / 2)[group]


def checked_pair(target: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Target and prediction as float64, after checking that they can be compared."""
    true, predicted = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if true.ndim != 1 or true.shape != predicted.shape or len(true) == 0:
        raise NieError(
            f"target and prediction must be two lists of one length, not empty; got {true.shape} and {predicted.shape}."
        )
    for name, values in (("target", true), ("prediction", predicted)):
        if not np.isfinite(values).all():
            raise NieError(f"The {name} has {(~np.isfinite(values)).sum()} values that are nan or infinite.")
    return true, predicted
