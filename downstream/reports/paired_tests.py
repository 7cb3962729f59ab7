"""Paired comparison of two methods on the same folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from downstream.reports.student_t import quantile, two_sided_p
from nie.errors import NieError


@dataclass(frozen=True)
class PairedTest:
    """The difference between two methods over the folds that both have.

    Attributes:
        n: number of folds.
        difference: mean of ours minus theirs.
        effect: Cohen's d of paired samples: the difference over its standard deviation; nan when all are equal.
        p: two-sided p-value; nan for fewer than two folds or equal differences.
        half_width: of the 95 % interval around the difference, by the same test; nan where p is.
    """

    n: int
    difference: float
    effect: float
    p: float
    half_width: float


def paired_test(ours: Sequence[float], theirs: Sequence[float], *, test_share: float) -> PairedTest:
    """Corrected resampled t-test of Nadeau and Bengio (Machine Learning 52, 2003), for cross-validation.

    ``t = d / sqrt((1/n + test/train) s^2)`` with n - 1 degrees of freedom. The training sets of folds overlap, so that
    their results are not independent and the plain paired t-test finds too much; the second term makes up for it.

    Args:
        ours, theirs: one value for each fold, of the same folds in the same order.
        test_share: test nodes over training nodes of a fold, 2/7 for 20 % and 70 %.

    Raises:
        NieError: a different number of values, or none.

    Example:
        >>> result = paired_test([0.80, 0.82, 0.81], [0.79, 0.80, 0.80], test_share=2 / 7)
        >>> round(result.difference, 4), round(result.p, 3)
        (0.0133, 0.099)
    """
    if len(ours) != len(theirs) or len(ours) == 0:
        raise NieError(
            f"Both sides of a paired test must have a value for each fold; got {len(ours)} and {len(theirs)}."
        )
    values = np.array([ours, theirs], dtype=np.float64)
    differences = values[0] - values[1]
    n, mean = len(differences), float(differences.mean())
    sd = float(differences.std(ddof=1)) if n > 1 else math.nan
    # Equal differences differ by rounding, which grows with the values and not with what is between them.
    spread = sd if sd > 1e-12 * np.abs(values).max() else math.nan
    error = spread * math.sqrt(1 / n + test_share)
    p, reach = (two_sided_p(mean / error, n - 1), quantile(0.95, n - 1)) if n > 1 else (math.nan, math.nan)
    return PairedTest(n, mean, mean / spread, p, reach * error)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for having made several comparisons (Holm, 1979); nan stays and does not count.

    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.03, float("nan")])]
    [0.03, 0.06, 0.06, nan]
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    adjusted, highest = [math.nan] * len(p_values), 0.0
    for place, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p))
        adjusted[i] = highest
    return adjusted
