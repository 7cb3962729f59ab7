"""How far predictions were off for held-out nodes like a given one: split-conformal calibration in bins (Mondrian)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from downstream.metrics.tiers import SHARES, tier_of
from nie.arrays import Bools, Floats, Ints
from nie.errors import NieError

LEAST = 100
"""Nodes whose residuals a bin must have, where all together have as many.

The share of the nodes of a bin that intervals cover then has a standard deviation of .03 at 90 %, and the residuals at
its ends are the fifth from below and the fifth from above, rather than the extremes.
"""
DEGREE_GROUPS = 5
"""Bins of a tier, by the number of edges at a node, where it has nodes for so many."""
ROUNDING = 1e-9
"""Counts of nodes are whole numbers, which a product with ``1 - coverage`` may miss by rounding."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predictions of all nodes beside the labels of held-out ones, on the label scale.

    A node is compared with held-out nodes like it: of the same bin of predicted tier and degree, and of another part
    than its own, so that its own label and its own model play no part in what is said of it. Residuals are
    ``(truth - prediction) / scale``, with their sign, so that either end of an interval can be trusted by itself.

    Attributes:
        prediction: (N,) on the label scale.
        truth: (N,) labels on the same scale; read for held-out nodes alone.
        part: (N,) for a held-out node with a label the part of these that it belongs to, such as the fold that tested
            it; -1 for all other nodes, which are compared with those of every part.
        degree: (N,) the number of edges at each node.
        scale: (N,) above 0, how unsure the prediction of each node is compared with others; all 1 where nothing tells.
        compared: (N,) the held-out nodes whose residuals count; by default all that are of a part.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> truth = draw.normal(5, 1, 4000)
        >>> known = Calibration(np.full(4000, 5.0), truth, np.arange(4000) % 5, np.ones(4000, int), np.ones(4000))
        >>> lower, upper = known.interval(0.9)
        >>> round(float(((lower <= truth) & (truth <= upper)).mean()), 2)
        0.9
    """

    prediction: Floats
    truth: Floats
    part: Ints
    degree: Ints
    scale: Floats
    compared: Bools | None = None

    @cached_property
    def held_out(self) -> Ints:
        """The nodes that others are compared with."""
        return np.flatnonzero(self.part >= 0 if self.compared is None else self.compared)

    @cached_property
    def nodes(self) -> int:
        """The least number of held-out nodes that any node is compared with, before they are put into bins."""
        return len(self.held_out) - int(np.bincount(self.part[self.held_out]).max(initial=0))

    @cached_property
    def residuals(self) -> Residuals:
        """The residuals in bins of at least `LEAST` nodes."""
        return self._residuals(LEAST)

    def shortage(self, coverage: float) -> str:
        """Why there are no intervals of this coverage, in a sentence that says what to do; "" where there are."""
        needed = least_nodes(coverage)
        if self.nodes >= needed:
            return ""
        most = math.floor(1000 * (1 - 2 / (self.nodes + 1))) / 1000
        less = f", or ask for a coverage of at most {most:g}" if most > 0 else ""
        return (
            f"There are no intervals, because a coverage of {coverage:g} takes {needed:,} held-out nodes with a known "
            f"score beside those of a node's own fold, and there are {self.nodes:,}; give more scores, run more "
            f"folds{less}."
        )

    def interval(self, coverage: float) -> tuple[Floats, Floats]:
        """Lower and upper ends, (N,) each, that hold the label of a node like those compared with at this chance.

        Of n residuals of a bin, the ends are the ``floor((n + 1) (1 - coverage) / 2)``-th from below and from above
        times the node's scale, added to its prediction: each end is missed by at most half of ``1 - coverage`` where
        the node and those of its bin are exchangeable. The interval always holds the prediction, and nothing below 0.

        Args:
            coverage: between 0 and 1.

        Raises:
            NieError: there are too few held-out nodes for it (`shortage`).
        """
        if shortage := self.shortage(coverage):
            raise NieError(shortage)
        least = least_nodes(coverage)
        residuals = self.residuals if least <= LEAST else self._residuals(least)
        rank = np.floor((residuals.count + 1) * (1 - coverage) / 2 + ROUNDING).astype(np.int64)
        low = np.minimum(residuals.sorted[residuals.start + rank - 1], 0)
        high = np.maximum(residuals.sorted[residuals.start + residuals.count - rank], 0)
        group = residuals.group
        lower, upper = self.prediction + low[group] * self.scale, self.prediction + high[group] * self.scale
        return lower.clip(min=0), upper

    def _residuals(self, least: int) -> Residuals:
        held_out, bins = self.held_out, self._bins(self.held_out, least)
        count, parts = int(bins.max()) + 1, int(self.part.max()) + 1
        residual = (self.truth - self.prediction) / self.scale
        groups = []
        for part in range(-1, parts):  # -1 for nodes that are compared with all held-out ones
            others = held_out[self.part[held_out] != part]
            groups += [np.sort(residual[others[bins[others] == number]]) for number in range(count)]
        counts = np.array([len(group) for group in groups])
        return Residuals((self.part + 1) * count + bins, np.concatenate(groups), np.cumsum(counts) - counts, counts)

    def _bins(self, held_out: Ints, least: int) -> Ints:
        """(N,) the bin of every node; borders come from held-out nodes, whose labels play no part in them."""
        tier = tiers_within(self.prediction, self.prediction[held_out])
        tier = self._merged(tier, held_out, least)[tier]
        bins, first = np.empty(len(tier), np.int64), 0
        for number in range(int(tier.max()) + 1):
            inside = tier == number
            within = held_out[inside[held_out]]
            borders = np.quantile(self.degree[within], np.arange(1, DEGREE_GROUPS) / DEGREE_GROUPS)
            group = np.searchsorted(borders, self.degree)
            merged = self._merged(group, within, least)
            bins[inside] = first + merged[group[inside]]
            first += int(merged.max()) + 1
        return bins

    def _merged(self, cell: Ints, held_out: Ints, least: int) -> Ints:
        """The bin of every cell: neighbours are joined until each bin has ``least`` held-out nodes beside any part."""
        cells, parts = int(cell.max()) + 1, int(self.part.max()) + 1
        place = cell[held_out] * parts + self.part[held_out]
        bins, full, inside = [], 0, np.zeros(parts)
        for count in np.bincount(place, minlength=cells * parts).reshape(cells, parts):
            inside += count
            bins.append(full)
            if inside.sum() - inside.max() >= least:
                full, inside = full + 1, np.zeros(parts)
        return np.minimum(bins, max(full - 1, 0))  # too few that are left over join the bin before


@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals in groups, those of a group beside each other and ascending.

    Attributes:
        group: (N,) the group that each node is compared with.
        sorted: (R,) the residuals.
        start, count: (G,) where those of each group begin, and how many there are.
    """

    group: Ints
    sorted: Floats
    start: Ints
    count: Ints


def least_nodes(coverage: float) -> int:
    """The nodes that an interval of this coverage needs: of fewer, none is so far out as it may miss.

    >>> least_nodes(0.9), least_nodes(0.99)
    (19, 199)
    """
    return math.ceil(2 / (1 - coverage) - 1 - ROUNDING)


def tiers_within(values: Floats, population: Floats) -> Ints:
    """The tier of each value: 0 for those of the top 1 % of a population, 1 up to the top 10 %, 2 up to the half, or 3.

    >>> tiers_within(np.array([500.0, 950.0, 999.0]), np.arange(1000.0)).tolist()
    [2, 1, 0]
    """
    return tier_of(values, np.quantile(population, 1 - np.asarray(SHARES), method="higher"))
