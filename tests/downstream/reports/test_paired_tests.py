"""downstream.reports.paired_tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from downstream.reports.paired_tests import holm, paired_test
from nie.errors import NieError

RNG = np.random.default_rng(0)
OURS, THEIRS = RNG.normal(0.8, 0.01, 5), RNG.normal(0.79, 0.01, 5)


def test_without_overlap_it_is_the_paired_t_test() -> None:
    result = paired_test(OURS, THEIRS, test_share=0.0)
    assert result.p == pytest.approx(stats.ttest_rel(OURS, THEIRS).pvalue)
    assert result.difference == pytest.approx(np.mean(OURS - THEIRS))
    assert result.effect == pytest.approx(np.mean(OURS - THEIRS) / np.std(OURS - THEIRS, ddof=1))
    assert result.n == 5


def test_overlap_makes_it_more_careful() -> None:
    assert paired_test(OURS, THEIRS, test_share=2 / 7).p > paired_test(OURS, THEIRS, test_share=0.0).p


def test_the_two_sides_mirror_each_other() -> None:
    one, two = paired_test(OURS, THEIRS, test_share=2 / 7), paired_test(THEIRS, OURS, test_share=2 / 7)
    assert one.p == pytest.approx(two.p)
    assert one.difference == pytest.approx(-two.difference)


FIVE = [0.81, 0.79, 0.83, 0.778, 0.8021]


@pytest.mark.parametrize(
    "values",
    [
        ([0.8], [0.7]), ([0.5, 0.6], [0.5, 0.6]), ([0.0, 0.0], [0.0, 0.0]),
        # Equal differences, which rounding makes unequal.
        ([0.5, 0.6], [0.4, 0.5]), ([0.35, 0.42], [0.34, 0.41]), ([one + 0.02 for one in FIVE], FIVE),
        ([1e6 + one + 0.02 for one in FIVE], [1e6 + one for one in FIVE]),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_has_no_p(values: tuple[list[float], list[float]]) -> None:
    result = paired_test(*values, test_share=2 / 7)
    assert np.isnan([result.p, result.effect, result.half_width]).all()
    assert result.difference == pytest.approx(values[0][0] - values[1][0])


def test_holm_is_the_step_down_procedure() -> None:
    assert holm([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(NieError, match="got 1 and 2"):
        paired_test([1.0], [1.0, 2.0], test_share=0.3)
    with pytest.raises(NieError, match="got 0 and 0"):
        paired_test([], [], test_share=0.3)
