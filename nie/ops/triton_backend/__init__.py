"""Fused kernels on CUDA, compiled by Triton, and sums in plain torch."""

from nie.ops.plain_backend import neighbour_sum, relational_product, relational_sum
from nie.ops.triton_backend.autograd import additive_attention, dot_attention

__all__ = ["additive_attention", "dot_attention", "neighbour_sum", "relational_product", "relational_sum"]
