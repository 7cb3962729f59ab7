"""Metrics as plain loops over Python floats, straight from their definitions."""

from __future__ import annotations

import math
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


def best_first(values: Values, k: int) -> list[int]:
    """Positions of the k largest, found one after the other; of equal values the first one found."""
    chosen: list[int] = []
    for _ in range(k):
        best = None
        for position, value in enumerate(values):
            if position not in chosen and (best is None or value > values[best]):
                best = position
        assert best is not None
        chosen.append(best)
    return chosen


def ndcg_at_k(target: Values, prediction: Values, k: int) -> float:
    def dcg(order: list[int]) -> float:
        return sum(target[node] / math.log2(rank + 1) for rank, node in enumerate(order, start=1))

    return dcg(best_first(prediction, k)) / dcg(best_first(target, k))


def over_at_k(target: Values, prediction: Values, k: int) -> float:
    hits = 0
    for node in best_first(prediction, k):
        hits += node in best_first(target, k)
    return hits / k
