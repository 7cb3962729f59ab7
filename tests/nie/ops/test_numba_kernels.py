"""nie.ops.numba_kernels; that the attentions are right is in test_attention.py."""

from __future__ import annotations

import pytest

pytest.importorskip("numba", reason="numba is not installed: pip install -e '.[fast]' in nie's folder")

from nie.ops import numba_kernels, vectors


def test_a_kernel_is_made_once_for_its_sizes() -> None:
    kernels = numba_kernels.dot_kernels(2, 3, numba_kernels.MUL)
    assert numba_kernels.dot_kernels(2, 3, numba_kernels.MUL) is kernels
    assert numba_kernels.dot_kernels(3, 3, numba_kernels.MUL) is not kernels


def test_kernels_on_disk_belong_to_the_vectors_they_were_made_with() -> None:
    for kernel in (*numba_kernels.dot_kernels(2, 3, numba_kernels.DOT), *numba_kernels.additive_kernels(2, 3, True)):
        assert kernel.py_func.__qualname__.endswith(f"_{vectors.REVISION:x}")
