from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import losses as reference

from nie.errors import NieError
from pretrain.binning import closeness, finer_bins, top_bins


def loop_bin(distance: float, width: float) -> int:
    """The bin whose interval holds the distance, tried one after the other."""
    number = 0
    while distance > (number + 1) * width:
        number += 1
    return number


@settings(deadline=None, max_examples=100)
@given(
    labels=st.lists(st.integers(0, 40), min_size=20, max_size=80),
    gamma=st.sampled_from([0.05, 0.1, 0.2, 0.5]),
    width=st.sampled_from([0.25, 0.5, 1.0, 4.0]),
)
def test_top_bins_against_a_loop(labels: list[int], gamma: float, width: float) -> None:
    targets = np.array(labels) / 4  # quarters: exact in binary, many ties
    ids = np.arange(len(labels)) * 3 + 7
    ordered = sorted(targets.tolist(), reverse=True)
    border = ordered[round(gamma * len(labels))]
    floor = ordered[min(round(5 * gamma * len(labels)), len(labels) - 1)]
    pool = [int(i) for i, label in zip(ids, targets, strict=True) if floor <= label < border]
    if not pool:
        with pytest.raises(NieError):
            top_bins(targets, ids, gamma=gamma, width=width)
        return
    bins = top_bins(targets, ids, gamma=gamma, width=width)
    top = {int(i): loop_bin(label - border, width) for i, label in zip(ids, targets, strict=True) if label >= border}
    assert bins.border == border
    assert dict(zip(bins.top.tolist(), bins.bin.tolist(), strict=True)) == top
    assert bins.num_bins == max(top.values()) + 1
    assert bins.pool.tolist() == pool
    assert len(bins.top) > round(gamma * len(labels))


def test_bin_borders_are_open_on_the_left() -> None:
    bins, num_bins = finer_bins(np.array([2.0, 3.0, np.nextafter(3.0, 4), 4.0, 4.5]), border=2.0, width=1.0)
    assert bins.tolist() == [0, 0, 1, 1, 2]
    assert num_bins == 3


def test_empty_bin_keeps_its_index() -> None:
    bins, num_bins = finer_bins(np.array([0.0, 5.5]), border=0.0, width=1.0)
    assert bins.tolist() == [0, 5]
    assert num_bins == 6


@pytest.mark.parametrize("num_bins", [1, 2, 3, 8, 40])
def test_closeness_against_binomial_counts(num_bins: int) -> None:
    beta = closeness(num_bins)
    assert beta.dtype == np.float64
    for m in range(num_bins):
        for n in range(num_bins):
            assert beta[m, n] == pytest.approx(reference.closeness(m, n, num_bins - 1), rel=1e-10)


@pytest.mark.parametrize("num_bins", [1, 5, 1000])
def test_closeness_falls_with_the_distance(num_bins: int) -> None:
    beta = closeness(num_bins)
    np.testing.assert_array_equal(np.diagonal(beta), 1.0)
    assert (beta <= 1).all()
    assert (beta >= 0).all()
    for m in range(0, num_bins, 97):
        assert (np.diff(beta[m, m:]) <= 0).all()
        assert (np.diff(beta[m, : m + 1]) >= 0).all()


def test_closeness_needs_a_bin() -> None:
    with pytest.raises(NieError, match="num_bins must be at least 1"):
        closeness(0)


RAMP = np.arange(50.0)
IDS = np.arange(50)


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (RAMP[:4], {"gamma": 0.1}, "4 training nodes rounds to 0 top nodes"),
        (RAMP, {"gamma": 0.999}, "rounds to 50 top nodes"),
        (RAMP, {"gamma": 0.0}, "must lie between 0 and 1; got 0.0"),
        (RAMP, {"gamma": 1.0}, "must lie between 0 and 1; got 1.0"),
        (RAMP, {"width": 0.0}, "must be positive; got 0.0"),
        (RAMP, {"width": float("nan")}, "must be positive; got nan"),
        (RAMP * 1e6, {}, "more than 1000 bins"),
        (np.full(50, 3.0), {}, "All 50 training labels are equal"),
        (np.r_[RAMP[:10], np.full(40, 60.0)], {}, "the non-top pool is empty"),
        (np.r_[RAMP[:49], np.nan], {}, "nan or infinity"),
    ],
)
def test_bad_input(targets: np.ndarray, options: dict[str, float], message: str) -> None:
    with pytest.raises(NieError, match=message):
        top_bins(targets, IDS[: len(targets)], **options)


def test_lengths_must_agree() -> None:
    with pytest.raises(NieError, match="one length"):
        top_bins(RAMP, IDS[:-1])
