"""Metrics of node importance estimation, each a function of (target, prediction) that returns a float.

Targets and predictions are 1-D and of one length, on the scale of the labels (usually ``log1p`` of the importance).
Descending orders are stable: of equal values, the one that comes first in the input ranks first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nie.arrays import Floats
from nie.errors import NieError

COLUMNS = ("rmse", "medianae", "ndcg@100", "spearman", "over@100")
"""The metrics of the papers' tables."""


def rmse(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Root mean squared error, in the units of the labels.

    >>> rmse([1.0, 2.0], [1.0, 4.0])
    1.4142135623730951
    """
    true, predicted = checked_pair(target, prediction)
    return float(np.sqrt(np.mean((true - predicted) ** 2)))


def median_ae(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Median absolute error, in the units of the labels.

    >>> median_ae([1.0, 2.0, 3.0], [1.5, 2.0, 13.0])
    0.5
    """
    true, predicted = checked_pair(target, prediction)
    return float(np.median(np.abs(true - predicted)))


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


def ndcg_at_k(target: npt.ArrayLike, prediction: npt.ArrayLike, k: int) -> float:
    """Normalised discounted cumulative gain of the k nodes predicted highest.

    ``DCG = sum_{rank=1..k} target[node at rank] / log2(rank + 1)``, divided by the DCG of the true order: linear
    gain. Ties in the prediction keep the order of the input; nan when the ideal DCG is 0.

    Raises:
        NieError: k is larger than the number of nodes, or a negative target.

    >>> round(ndcg_at_k([3.0, 2.0, 1.0], [1.0, 3.0, 2.0], k=2), 4)
    0.6173
    """
    true, predicted = checked_pair(target, prediction)
    _check_k(k, len(true))
    if true.min() < 0:
        raise NieError(f"NDCG takes the target as a gain, which must not be negative; the smallest is {true.min():g}.")
    discount = np.log2(np.arange(2, k + 2))
    ideal = float(np.sum(true[_top(true, k)] / discount))
    return float(np.sum(true[_top(predicted, k)] / discount)) / ideal if ideal > 0 else float("nan")


def over_at_k(target: npt.ArrayLike, prediction: npt.ArrayLike, k: int) -> float:
    """Share of the k nodes predicted highest that are among the k truly highest; ties keep the order of the input.

    Raises:
        NieError: k is larger than the number of nodes.

    >>> over_at_k([3.0, 2.0, 1.0], [1.0, 3.0, 2.0], k=2)
    0.5
    """
    true, predicted = checked_pair(target, prediction)
    _check_k(k, len(true))
    return len(np.intersect1d(_top(true, k), _top(predicted, k))) / k


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


def _check_k(k: int, count: int) -> None:
    if not 1 <= k <= count:
        raise NieError(f"k must be between 1 and {count}, the number of nodes; got {k}.")


def _top(values: Floats, k: int) -> npt.NDArray[np.intp]:
    """Positions of the k largest values, largest first; equal values in the order of the input."""
    return np.argsort(-values, kind="stable")[:k]
