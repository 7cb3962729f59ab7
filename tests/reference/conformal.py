"""Split-conformal intervals in Mondrian bins, node by node."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

SHARES = (0.01, 0.1, 0.5)
LEAST = 100


def interval(
    node: int, prediction: Sequence[float], truth: Sequence[float], part: Sequence[int], degree: Sequence[int],
    scale: Sequence[float], coverage: Fraction,
) -> tuple[float, float]:  # fmt: skip
    """The ends for one node, from the held-out nodes (``part`` >= 0) of its bin and of other parts."""
    held_out = [other for other in range(len(prediction)) if part[other] >= 0]
    least = max(LEAST, math.ceil(2 / (1 - coverage) - 1))
    borders = [float(np.quantile([prediction[other] for other in held_out], 1 - s, method="higher")) for s in SHARES]
    tiers = {other: sum(prediction[other] < border for border in borders) for other in range(len(prediction))}
    tiers = joined(tiers, 4, held_out, part, least)
    alike = [other for other in held_out if tiers[other] == tiers[node]]
    fifths = [float(np.quantile([degree[other] for other in alike], share / 5)) for share in range(1, 5)]
    groups = {other: sum(degree[other] > border for border in fifths) for other in range(len(prediction))}
    groups = joined(groups, 5, alike, part, least)
    residuals = sorted(
        (truth[other] - prediction[other]) / scale[other]
        for other in alike
        if groups[other] == groups[node] and part[other] != part[node]
    )
    rank = math.floor((len(residuals) + 1) * (1 - coverage) / 2)
    low, high = min(residuals[rank - 1], 0), max(residuals[len(residuals) - rank], 0)
    return max(prediction[node] + low * scale[node], 0), prediction[node] + high * scale[node]


def joined(
    cell: dict[int, int], cells: int, held_out: Sequence[int], part: Sequence[int], least: int
) -> dict[int, int]:
    """Cells in their order, each joined to the next until enough nodes remain whichever part is left out."""
    bins: list[list[int]] = [[]]
    for number in range(cells):
        bins[-1].append(number)
        inside = [other for other in held_out if cell[other] in bins[-1]]
        if all(sum(part[other] != left_out for other in inside) >= least for left_out in set(part)):
            bins.append([])
    last = bins.pop()
    if bins:
        bins[-1] += last
    else:
        bins = [last]
    return {node: next(place for place, inside in enumerate(bins) if own in inside) for node, own in cell.items()}
