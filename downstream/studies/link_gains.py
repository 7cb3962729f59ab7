"""What one method gains over another on a group of test triples, and how much that depends on these triples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from downstream.reports.page import Table
from nie.arrays import Bools, Floats
from nie.runs.run import Run

RESAMPLES = 9999
BATCH = 100


def gains_table(pairs: Sequence[tuple[str, str]], runs: Mapping[str, Run], groups: Mapping[str, Bools]) -> Table:
    """MRR gained by the first of each pair, with the interval of `gain_interval`.

    Args:
        pairs: (ours, theirs), names of ``runs``.
        runs: of link prediction on the same test triples.
        groups: (n,) bool, test triples by name of group; empty groups are left out.
    """
    shown = {name: rows for name, rows in groups.items() if rows.any()}
    rows = []
    for ours, theirs in pairs:
        both = sorted(set(runs[ours].finished_folds()) & set(runs[theirs].finished_folds()))
        if both:
            sides = [_reciprocal(runs[name], both, len(next(iter(groups.values())))) for name in (ours, theirs)]
            gained = [gain_interval(*(side[chosen] for side in sides)) for chosen in shown.values()]
            cells = [f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]" for mean, low, high in gained]
            rows.append([f"{ours} against {theirs}", *cells, str(len(both))])
    headers = ["pair", *(f"{name} ({int(chosen.sum()):,})" for name, chosen in shown.items()), "repetitions"]
    note = (
        "Mean gain over the triples, each the mean of its two ends and of the repetitions, and its 95 % interval when "
        f"test triples are drawn anew ({RESAMPLES:,} bootstrap samples, percentiles). It says how much hangs on the "
        "test triples, the standard deviations above how much on the seeds. Not adjusted for the number of pairs."
    )
    return Table("MRR gained, by group of the test triples", headers, rows, note)


def gain_interval(ours: Floats, theirs: Floats) -> tuple[float, float, float]:
    """Mean of ``ours - theirs`` over test triples, with the ends of its 95 % interval (paired percentile bootstrap).

    Args:
        ours, theirs: (n,) reciprocal ranks of the same triples.

    >>> gain_interval(np.array([0.5, 0.5, 1.0]), np.array([0.25, 0.25, 0.75]))
    (0.25, 0.25, 0.25)
    """
    gains = ours - theirs
    if np.ptp(gains) == 0:  # scipy warns where there is no spread, as with a single triple
        return (float(gains[0]),) * 3
    from scipy import stats  # imported here, because it is needed only where something is tested

    found = stats.bootstrap((gains,), np.mean, n_resamples=RESAMPLES, batch=BATCH, method="percentile", rng=0)
    return float(gains.mean()), float(found.confidence_interval.low), float(found.confidence_interval.high)


def _reciprocal(run: Run, repeats: Sequence[int], num_triples: int) -> Floats:
    """(n,) reciprocal ranks, mean over both ends and the repetitions."""
    each = [(1 / run.array(repeat, "ranks.npy", (num_triples, 2))).mean(axis=1) for repeat in repeats]
    return np.asarray(np.mean(each, axis=0), dtype=np.float64)
