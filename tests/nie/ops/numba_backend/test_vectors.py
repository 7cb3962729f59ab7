"""nie.ops.numba_backend.vectors; that attention by them is right is in ../test_attention.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

# ruff: noqa: E402
numba = pytest.importorskip("numba", reason="numba is not installed: pip install 'nie[fast]'")

from nie.ops.numba_backend.vectors import exp, keep, load, maximum, positive, spread, store, sum_heads, zeros


@numba.njit
def _exponential(x, out):  # type: ignore[no-untyped-def]
    for i in range(0, len(x), 4):
        store(out, i, exp(load(x, i, 4)))


@pytest.mark.parametrize(("kind", "lowest", "tolerance"), [("f4", -86.9, 3e-7), ("f8", -707.0, 4e-16)])
def test_the_exponential_is_as_good_as_its_type(kind: str, lowest: float, tolerance: float) -> None:
    x = np.concatenate([-np.logspace(-8, np.log10(-lowest), 498), [0.0, lowest]]).astype(kind)
    out = np.empty_like(x)
    _exponential(x, out)
    exact = np.exp(x.astype(np.longdouble))
    assert float(np.abs(out / exact - 1).max()) < tolerance
    _exponential(np.array([-1e30, -np.inf, np.nan, 0], kind), out)
    assert (out[:2] < 1e-37).all()
    assert np.isnan(out[2])
    assert out[3] == 1


@numba.njit
def _heads(x, per_head, out, wide):  # type: ignore[no-untyped-def]
    store(out, 0, sum_heads(load(x, 0, 15), 3))
    store(wide, 0, spread(load(per_head, 0, 3), 15))


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_heads_of_a_size_that_is_no_power_of_two(kind: str) -> None:
    x, per_head = np.arange(15, dtype=kind), np.array([3, 1, 2], kind)
    out, wide = np.empty(3, kind), np.empty(15, kind)
    _heads(x, per_head, out, wide)
    assert out.tolist() == x.reshape(3, 5).sum(axis=1).tolist()
    assert wide.tolist() == per_head.repeat(5).tolist()


@numba.njit
def _elementwise(a, b, out):  # type: ignore[no-untyped-def]
    x, y = load(a, 0, 3), load(b, 0, 3)
    store(out, 0, maximum(x, y))
    store(out, 3, (x + y) * 2.0 - y)
    store(out, 6, positive(x, a.dtype.type(1), a.dtype.type(0.5)))
    store(out, 9, zeros(a, 3) - np.inf)
    store(out, 12, keep(0, 5, 6, 2**31, a.dtype.type(2), 3) + x * 1.0)


def test_elementwise_operations_and_nan() -> None:
    a, b = np.array([1.0, -2.0, np.nan]), np.array([0.0, 3.0, 1.0])
    out: Any = np.zeros(15)
    _elementwise(a, b, out)
    np.testing.assert_array_equal(out[:3], [1, 3, np.nan])
    np.testing.assert_array_equal(out[3:6], [2, -1, np.nan])
    assert out[6:9].tolist() == [1, 0.5, 0.5]
    assert (out[9:12] == -np.inf).all()
    assert set(out[12:14] - a[:2]) <= {0.0, 2.0}


def test_arrays_with_gaps_are_refused() -> None:
    with pytest.raises(numba.errors.TypingError, match="flat, contiguous arrays"):
        _heads(np.zeros(30)[::2], np.zeros(3), np.zeros(3), np.zeros(15))
