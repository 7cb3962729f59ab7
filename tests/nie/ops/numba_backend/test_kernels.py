"""How the fused CPU kernels of nie.ops.numba_backend.dot and nie.ops.numba_backend.additive are made.

That the attentions are right is in ../test_attention.py.
"""

from __future__ import annotations

import pytest

pytest.importorskip("numba", reason="numba is not installed: pip install 'nie[fast]'")

from nie.ops.numba_backend import additive as numba_additive
from nie.ops.numba_backend import dot as numba_dot
from nie.ops.numba_backend import kernels as numba_kernels


def test_a_kernel_is_made_once_for_its_sizes() -> None:
    kernel = numba_dot.dot_forward(2, 3, "mul", False)
    assert numba_dot.dot_forward(2, 3, "mul", False) is kernel
    assert numba_dot.dot_forward(3, 3, "mul", False) is not kernel
    assert numba_dot.dot_forward(2, 3, "mul", True) is not kernel  # with weights of edges


def test_kernels_on_disk_belong_to_the_shared_code_they_were_made_with() -> None:
    for kernel in (numba_dot.dot_by_dst(2, 3, "dot"), numba_additive.additive_pack(2, 3), numba_kernels.dropout):
        assert kernel.py_func.__qualname__.endswith(f"_{numba_kernels.REVISION:x}")
