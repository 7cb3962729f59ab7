"""nie.ops.numba_kernels; that the attentions are right is in test_attention.py."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is not installed: pip install -e '.[fast]' in nie's folder")

from nie.ops import numba_kernels


def test_the_exponential_is_as_good_as_float32() -> None:
    x = np.concatenate([-np.logspace(-8, 1.93, 500), [0.0, -86.9]]).astype(np.float32)
    found = np.array([numba_kernels.exp32(value) for value in x])
    assert np.abs(found / np.exp(x.astype(np.float64)) - 1).max() < 3e-7
    assert numba_kernels.exp32(np.float32(-1e30)) < 1e-37
    assert np.isnan(numba_kernels.exp32(np.float32("nan")))


def test_a_kernel_is_made_once_for_its_sizes() -> None:
    assert numba_kernels.dot_kernels(2, 3, True, numba_kernels.MUL) is numba_kernels.dot_kernels(
        2, 3, True, numba_kernels.MUL
    )
