"""Rows of a table against each other: paired tests on the folds that both have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from downstream.metrics.registry import METRICS
from downstream.reports.paired_tests import PairedTest, holm, paired_test
from downstream.reports.results import Results
from downstream.reports.training_labels import labels_given
from nie.runs.run import Run

FEW_FOLDS = 5
"""Fewer make a test that finds only very large differences."""
FOLDS_NOTE = (
    "Mean difference on the same folds. p: corrected resampled t-test (Nadeau and Bengio, 2003), two-sided, adjusted "
    "for the number of comparisons in this table by Holm's method; the interval is that of the same test, not "
    "adjusted; d: Cohen's d of the paired differences; better: folds on which the first is better."
)


@dataclass(frozen=True)
class Comparison:
    """A paired test of two rows on one metric.

    Attributes:
        ours, theirs: the rows.
        metric: what is compared.
        test: of ours against theirs; None where a fold's figure is undefined.
        better: folds on which ours is better.
        p: adjusted for all comparisons that are made together.
    """

    ours: str
    theirs: str
    metric: str
    test: PairedTest | None
    better: int
    p: float

    @property
    def lead(self) -> float:
        """By how much ours is better in the mean, whichever direction is better; nan where the test is undefined."""
        if self.test is None:
            return math.nan
        return self.test.difference if METRICS[self.metric].higher_is_better else -self.test.difference


def compare(
    results: Results, pairs: Sequence[tuple[str, str]], tested: Sequence[str], test_share: float,
    of_a_pair: Callable[[Results], Results] = lambda results: results,
) -> list[Comparison]:  # fmt: skip
    """Test pairs of rows on the metrics ``tested``, over the folds that both have; a pair without such is left out.

    Args:
        results: with the rows.
        pairs: names of two rows each.
        tested: metrics.
        test_share: test nodes over training nodes.
        of_a_pair: makes what is compared from the results of two rows.
    """
    made: list[tuple[str, str, str, PairedTest | None, int]] = []
    for ours, theirs in pairs:
        rows = of_a_pair(
            replace(results, rows={row: results.rows[row] for row in (ours, theirs) if row in results.rows})
        ).rows
        shared = [fold for fold in rows.get(ours, {}) if fold in rows.get(theirs, {})]
        for metric in tested if shared else ():
            sides = [[rows[row][fold].get(metric) for fold in shared] for row in (ours, theirs)]
            values = [[value for value in side if value is not None] for side in sides]
            if min(map(len, values)) < len(shared):
                made.append((ours, theirs, metric, None, 0))
                continue
            sign = 1 if METRICS[metric].higher_is_better else -1
            better = sum(sign * (mine - other) > 0 for mine, other in zip(*values, strict=True))
            made.append((ours, theirs, metric, paired_test(*values, test_share=test_share), better))
    adjusted = holm([test.p if test else math.nan for *_, test, _ in made])
    return [Comparison(*one, p) for one, p in zip(made, adjusted, strict=True)]


def share_tested(run: Run) -> float:
    """Test nodes over training nodes of a run of importance estimation, by which its tests are corrected.

    Training nodes whose labels are not given count, too: small shares of a fold overlap less than whole folds, so that
    the correction for these is on the safe side.
    """
    split = run.split(run.finished_folds()[0])
    share, _, removed = labels_given(run.config.get("folds", {}))
    return share * (1 - removed) * len(split["test"]) / len(split["train"])


TESTED_HEADERS = ("difference", "95 % interval", "d", "better", "p")
"""Of the cells of `tested_cells`."""


def tested_cells(one: Comparison) -> list[str]:
    """Difference, effect, folds and p of a comparison, as text."""
    if one.test is None:
        return ["undefined", "—", "—", "—", "—"]
    better = f"{one.better} of {one.test.n}"
    return [
        f"{one.test.difference:+.4f}", _interval(one.test), _number(one.test.effect, "+.2f"), better, _p_value(one.p),
    ]  # fmt: skip


def _interval(test: PairedTest) -> str:
    if math.isnan(test.half_width):
        return "—"
    return f"{test.difference - test.half_width:+.4f} to {test.difference + test.half_width:+.4f}"


def _p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else _number(p, ".3f")


def _number(value: float, form: str) -> str:
    return "—" if math.isnan(value) else format(value, form)
