"""Metrics as plain loops over Python floats, straight from their definitions."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

Values = Sequence[float]


def rmse(target: Values, prediction: Values) -> float:
    total = 0.0
    for true, predicted in zip(target, prediction, strict=True):
        total += (true - predicted) ** 2
    return math.sqrt(total / len(target))


def median_ae(target: Values, prediction: Values) -> float:
    errors = sorted(abs(true - predicted) for true, predicted in zip(target, prediction, strict=True))
    middle = len(errors) // 2
    return errors[middle] if len(errors) % 2 else (errors[middle - 1] + errors[middle]) / 2


def average_ranks(values: Values) -> list[float]:
    """Rank 1 is the smallest; a tie gets the mean of the ranks it covers."""
    ranks = []
    for value in values:
        smaller = sum(other < value for other in values)
        equal = sum(other == value for other in values)
        ranks.append(smaller + (equal + 1) / 2)
    return ranks


def spearman(target: Values, prediction: Values) -> float:
    x, y = average_ranks(target), average_ranks(prediction)
    mean = (len(x) + 1) / 2
    covariance = sum((a - mean) * (b - mean) for a, b in zip(x, y, strict=True))
    variance_x = sum((a - mean) ** 2 for a in x)
    variance_y = sum((b - mean) ** 2 for b in y)
    return covariance / math.sqrt(variance_x * variance_y) if variance_x and variance_y else math.nan


def orders(values: Values) -> list[tuple[int, ...]]:
    """All descending orders: of equal values, any may come first."""
    positions = range(len(values))
    return [
        order
        for order in itertools.permutations(positions)
        if all(values[one] >= values[next] for one, next in itertools.pairwise(order))
    ]


def ndcg_at_k(target: Values, prediction: Values, k: int) -> float:
    def dcg(order: Sequence[int]) -> float:
        return sum(target[node] / math.log2(rank + 1) for rank, node in enumerate(order[:k], start=1))

    return statistics.fmean(dcg(order) for order in orders(prediction)) / dcg(orders(target)[0])


def over_at_k(target: Values, prediction: Values, k: int) -> float:
    """The mean over all orders that ties of the target and of the prediction may have."""
    tops = itertools.product(orders(target), orders(prediction))
    return statistics.fmean(len({*one[:k]} & {*other[:k]}) for one, other in tops) / k
