"""The closed form of Student's t is scipy's distribution."""

from __future__ import annotations

import math

import pytest
from scipy.special import stdtr

from downstream.reports.student_t import two_sided_p


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 9, 10, 29, 30, 999])
def test_p_values_are_those_of_scipy(df: int) -> None:
    for t in (0.0, 0.1, 1.0, -2.2, 5.0, 40.0, 1e6):
        assert two_sided_p(t, df) == pytest.approx(2 * stdtr(df, -abs(t)), abs=1e-13)


def test_an_undefined_statistic_has_no_p_value() -> None:
    assert math.isnan(two_sided_p(math.nan, 4))
