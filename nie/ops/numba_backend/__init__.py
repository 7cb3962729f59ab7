"""Fused kernels on the CPU, compiled by numba."""

from nie.ops.numba_backend.autograd import additive_attention, dot_attention, dropout, relational_sum

__all__ = ["additive_attention", "dot_attention", "dropout", "relational_sum"]
