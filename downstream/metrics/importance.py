"""Metrics of node importance estimation, each a function of (target, prediction) that returns a float.

Targets and predictions are 1-D and of one length, on the scale of the labels (usually ``log1p`` of the importance).
No metric depends on the order in which the nodes are given: of equal values none ranks first, and metrics of the top k
are the mean over all orders that ties may have.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nie.arrays import Floats
from nie.errors import NieError
from nie.rank_correlation import checked_pair

COLUMNS = ("rmse", "medianae", "ndcg@100", "spearman", "over@100")
"""The metrics of the papers' tables."""


def rmse(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Root mean squared error, in the units of the labels.

    >>> rmse([1.0, 2.0], [1.0, 4.0])
    1.4142135623730951
    """
    true, predicted = checked_pair(target, prediction)
    # By a power of two, which changes no bit of the result: the squares of labels near 1e300 are not finite.
    _, exponent = np.frexp(max(np.abs(true).max(), np.abs(predicted).max()))
    error = np.ldexp(true, -exponent) - np.ldexp(predicted, -exponent)
    return float(np.ldexp(np.sqrt(np.mean(error**2)), exponent))


def median_ae(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Median absolute error, in the units of the labels.

    >>> median_ae([1.0, 2.0, 3.0], [1.5, 2.0, 13.0])
    0.5
    """
    true, predicted = checked_pair(target, prediction)
    return float(np.median(np.abs(true - predicted)))


def ndcg_at_k(target: npt.ArrayLike, prediction: npt.ArrayLike, k: int) -> float:
    """Normalised discounted cumulative gain of the k nodes predicted highest.

    ``DCG = sum_{rank=1..k} target[node at rank] / log2(rank + 1)``, divided by the DCG of the true order: linear
    gain. Nodes of equal predictions each count as the mean of their targets, which gives the mean over all orders that
    they may have (McSherry and Najork, ECIR 2008; scikit-learn does the same). nan when the ideal DCG is 0.

    Raises:
        NieError: k is larger than the number of nodes, or a negative target.

    >>> round(ndcg_at_k([3.0, 2.0, 1.0], [1.0, 3.0, 2.0], k=2), 4)
    0.6173
    >>> round(ndcg_at_k([3.0, 2.0, 1.0], [5.0, 5.0, 5.0], k=1), 4)
    0.6667
    """
    true, predicted = checked_pair(target, prediction)
    _check_k(k, len(true))
    if true.min() < 0:
        raise NieError(f"NDCG takes the target as a gain, which must not be negative; the smallest is {true.min():g}.")
    discount = np.log2(np.arange(2, k + 2))
    ideal = float(np.sum(np.sort(true)[::-1][:k] / discount))
    return float(np.sum(_mean_gains(true, predicted)[:k] / discount)) / ideal if ideal > 0 else float("nan")


def over_at_k(target: npt.ArrayLike, prediction: npt.ArrayLike, k: int) -> float:
    """Share of the k nodes predicted highest that are among the k truly highest.

    Where values are tied at the border of either top k, it is the mean over all orders that the ties may have, those of
    the target and those of the prediction drawn apart. nan where k is the number of nodes: any order would give 1.

    Raises:
        NieError: k is larger than the number of nodes.

    >>> over_at_k([3.0, 2.0, 1.0], [1.0, 3.0, 2.0], k=2)
    0.5
    >>> over_at_k([4.0, 3.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0], k=1)
    0.25
    """
    true, predicted = checked_pair(target, prediction)
    _check_k(k, len(true))
    both = _in_top(true, k) * _in_top(predicted, k)
    # An exact sum, which is the same in any order.
    return math.fsum(both[both > 0]) / k if k < len(true) else float("nan")


def _check_k(k: int, count: int) -> None:
    if not 1 <= k <= count:
        raise NieError(f"k must be between 1 and {count}, the number of nodes; got {k}.")


def _mean_gains(gains: Floats, prediction: Floats) -> Floats:
    """(n,) gains in descending order of the prediction, each the mean of those whose predictions are equal."""
    order = np.lexsort((gains, -prediction))  # by gain, too, because the order of a sum changes its last bits
    gains, descending = gains[order], prediction[order]
    first = np.flatnonzero(np.append(True, descending[1:] != descending[:-1]))
    sizes = np.diff(first, append=len(gains))
    return np.repeat(np.add.reduceat(gains, first) / sizes, sizes)


def _in_top(values: Floats, k: int) -> Floats:
    """(n,) probability that a node is among the k highest when ties are ordered at random."""
    border = np.partition(values, len(values) - k)[len(values) - k]
    above, tied = values > border, values == border
    chance: Floats = above + tied * ((k - above.sum()) / tied.sum())
    return chance
