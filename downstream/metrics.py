"""Metrics of node importance estimation, each a function of (target, prediction) that returns a float.

Targets and predictions are 1-D and of one length, on the scale of the labels (usually ``log1p`` of the importance).
Descending orders are stable: of equal values the one that comes first ranks first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from nie.errors import NieError, nearest

Floats: TypeAlias = npt.NDArray[np.float64]


def rmse(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Root mean squared error, in the units of the labels.

    >>> rmse([1.0, 2.0], [1.0, 4.0])
    1.4142135623730951
    """
    true, predicted = _pair(target, prediction)
    return float(np.sqrt(np.mean((true - predicted) ** 2)))


def median_ae(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Median absolute error, in the units of the labels.

    >>> median_ae([1.0, 2.0, 3.0], [1.5, 2.0, 13.0])
    0.5
    """
    true, predicted = _pair(target, prediction)
    return float(np.median(np.abs(true - predicted)))


def spearman(target: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Spearman's rank correlation, with average ranks for ties; nan when either side is constant.

    >>> spearman([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
    0.5
    >>> spearman([1.0, 2.0], [5.0, 5.0])
    nan
    """
    true, predicted = (rankdata(values) for values in _pair(target, prediction))
    true, predicted = true - true.mean(), predicted - predicted.mean()
    scale = float(np.sqrt((true @ true) * (predicted @ predicted)))
    return float(true @ predicted) / scale if scale > 0 else float("nan")


def ndcg_at_k(target: npt.ArrayLike, prediction: npt.ArrayLike, k: int) -> float:
    """Normalised discounted cumulative gain of the k nodes predicted highest.

    ``DCG = sum_{rank=1..k} target[node at rank] / log2(rank + 1)``, divided by the DCG of the true order: linear
    gain. Ties in the prediction keep the order of the input; nan when the ideal DCG is 0.

    Raises:
        NieError: k is larger than the number of nodes, or a negative target.

    >>> round(ndcg_at_k([3.0, 2.0, 1.0], [1.0, 3.0, 2.0], k=2), 4)
    0.6173
    """
    true, predicted = _pair(target, prediction)
    _check_k(k, len(true))
    if true.min() < 0:
        raise NieError(f"ndcg takes the target as gain, and gains are not negative; the smallest is {true.min():g}.")
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
    true, predicted = _pair(target, prediction)
    _check_k(k, len(true))
    return len(np.intersect1d(_top(true, k), _top(predicted, k))) / k


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes:
        fn: (target, prediction) -> float.
        higher_is_better: direction, for early stopping and for tables.
        ranks: depends on the order of the predictions only, so a raw score serves as well.
        min_nodes: fewest nodes it is defined on.
    """

    fn: Callable[[npt.ArrayLike, npt.ArrayLike], float]
    higher_is_better: bool
    ranks: bool = False
    min_nodes: int = 1


TOP_K = (20, 50, 100, 200)

METRICS: dict[str, Metric] = {
    "rmse": Metric(rmse, higher_is_better=False),
    "medianae": Metric(median_ae, higher_is_better=False),
    "spearman": Metric(spearman, higher_is_better=True, ranks=True),
    **{f"ndcg@{k}": Metric(partial(ndcg_at_k, k=k), True, ranks=True, min_nodes=k) for k in TOP_K},
    **{f"over@{k}": Metric(partial(over_at_k, k=k), True, ranks=True, min_nodes=k) for k in TOP_K},
}


def evaluate(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    names: Iterable[str] = tuple(METRICS),
    *,
    score: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """Compute the metrics ``names``; those whose k exceeds the number of nodes are absent from the result.

    Args:
        target: (n,) labels.
        prediction: (n,) predictions on the label scale.
        names: keys of `METRICS`; default all.
        score: (n,) what the ranking metrics are computed on instead of ``prediction``: the raw score of a method
            whose predictions are a monotone fit, which ties nodes that the raw score tells apart.

    Raises:
        NieError: unknown name, lengths that differ, an empty list, nan or infinity.

    >>> evaluate([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], ["spearman", "ndcg@100", "medianae"])
    {'spearman': 1.0, 'medianae': 0.0}
    """
    true, predicted = _pair(target, prediction)
    order = predicted if score is None else _pair(target, score)[1]
    result = {}
    for name in names:
        if name not in METRICS:
            raise NieError(f"There is no metric {name!r}{nearest(name, METRICS)}; known: {', '.join(METRICS)}.")
        metric = METRICS[name]
        if metric.min_nodes <= len(true):
            result[name] = metric.fn(true, order if metric.ranks else predicted)
    return result


def _pair(target: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64, after checking that they can be compared."""
    true, predicted = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if true.ndim != 1 or true.shape != predicted.shape or len(true) == 0:
        raise NieError(
            f"target {true.shape} and prediction {predicted.shape} must be two lists of one length, not empty."
        )
    for name, values in (("target", true), ("prediction", predicted)):
        if not np.isfinite(values).all():
            raise NieError(f"The {name} has {(~np.isfinite(values)).sum()} values that are nan or infinite.")
    return true, predicted


def _check_k(k: int, count: int) -> None:
    if not 1 <= k <= count:
        raise NieError(f"k = {k} does not fit a test set of {count} nodes; 1 <= k <= {count} is needed.")


def _top(values: Floats, k: int) -> npt.NDArray[np.intp]:
    """Positions of the k largest values, largest first; equal values in the order of the input."""
    return np.argsort(-values, kind="stable")[:k]
