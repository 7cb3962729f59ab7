"""How many held-out nodes have their label inside the interval: over all, by tier and by degree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from downstream.answers.calibration import DEGREE_GROUPS, Calibration, tiers_within
from downstream.answers.interval import Intervals
from downstream.reports.page import Table
from nie.arrays import Bools, Floats, Ints

TIERS = ("top 1 %", "top 1 to 10 %", "top 10 to 50 %", "lower half")
NOMINAL = tuple(percent / 100 for percent in range(10, 100, 5))
"""The coverages of the reliability picture."""


@dataclass(frozen=True)
class Covered:
    """What became of the intervals of a group of held-out nodes.

    Attributes:
        nodes: how many there are.
        share: of them whose label is inside, ends included.
        width: mean distance of the ends on the label scale.
    """

    nodes: int
    share: float
    width: float


def coverage_by_group(calibration: Calibration, lower: Floats, upper: Floats) -> dict[str, Covered]:
    """Judge intervals on all held-out nodes, none of which had a part in its own.

    Args:
        calibration: whose held-out nodes are judged.
        lower, upper: (N,) the ends on the label scale, of `Calibration.interval` or of a rival.

    Returns:
        By group: all, the tiers of the truth and of the prediction (`TIERS`), and fifths by degree; those without a
        node are left out.

    Example:
        >>> known = Calibration(np.zeros(200), np.arange(200.0), np.arange(200) % 5, np.arange(200), np.ones(200))
        >>> covered = coverage_by_group(known, np.zeros(200), np.full(200, 99.0))
        >>> covered["all"], covered["truly in the top 1 %"].share
        (Covered(nodes=200, share=0.5, width=99.0), 0.0)
    """
    held_out = np.flatnonzero(calibration.part >= 0)
    truth = calibration.truth[held_out]
    inside, width = (lower[held_out] <= truth) & (truth <= upper[held_out]), (upper - lower)[held_out]
    return {
        name: Covered(int(group.sum()), float(inside[group].mean()), float(width[group].mean()))
        for name, group in _groups(calibration, held_out).items()
        if group.any()
    }


def reliability(calibration: Calibration) -> dict[float, float]:
    """The share of held-out nodes inside their intervals, by the share that is meant to be (of `NOMINAL`)."""
    shares = {}
    for coverage in (one for one in NOMINAL if not calibration.shortage(one)):
        lower, upper = calibration.interval(coverage)
        shares[coverage] = coverage_by_group(calibration, lower, upper)["all"].share
    return shares


def coverage_table(intervals: Intervals, coverage: float) -> Table | None:
    """What `coverage_by_group` finds, in words; None where there are no intervals of that coverage."""
    if intervals.calibration.shortage(coverage):
        return None
    found = coverage_by_group(intervals.calibration, *intervals.calibration.interval(coverage))
    logarithmic = intervals.label_transform == "log1p"
    rows = [
        [name, f"{one.nodes:,}", f"{one.share:.1%}", f"{math.exp(one.width) if logarithmic else one.width:,.3g}"]
        for name, one in found.items()
    ]
    width = "upper end by lower end" if logarithmic else "width"
    note = (
        f"Nodes whose label the model had not seen; {100 * coverage:.4g} % of each group are meant to be inside, and "
        "no node's own label or fold had a part in its interval. Of the nodes that are truly at the top fewer may be "
        "inside, as many of them got there by what nothing known of them tells."
    )
    if logarithmic:
        note += " The last column is the typical factor between the two ends (of 1 + importance)."
    return Table("How many intervals hold", ["held-out nodes", "nodes", "inside", width], rows, note)


def _groups(calibration: Calibration, held_out: Ints) -> Mapping[str, Bools]:
    """By name, which of the held-out nodes are in the group."""
    groups = {"all": np.ones(len(held_out), bool)}
    for word, values in (("truly", calibration.truth[held_out]), ("predicted", calibration.prediction[held_out])):
        tier = tiers_within(values, values)
        groups |= {f"{word} in the {name}": tier == place for place, name in enumerate(TIERS)}
    degree = calibration.degree[held_out]
    fifth = np.searchsorted(np.quantile(degree, np.arange(1, DEGREE_GROUPS) / DEGREE_GROUPS), degree)
    for number in np.unique(fifth):
        inside = fifth == number
        low, high = int(degree[inside].min()), int(degree[inside].max())
        span = f"{low:,} to {high:,} edges" if low < high else f"{low:,} edge{'' if low == 1 else 's'}"
        groups[f"with {span}"] = inside
    return groups
