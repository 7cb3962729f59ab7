"""Fused kernels on the CPU, compiled by numba. Plain sums are left to DGL, which is as fast."""

from nie.ops.dgl_backend import neighbour_sum
from nie.ops.numba_backend.autograd import additive_attention, dot_attention, dropout
from nie.ops.numba_backend.relational import relational_sum
from nie.ops.plain_backend import relational_product

__all__ = ["additive_attention", "dot_attention", "dropout", "neighbour_sum", "relational_product", "relational_sum"]
