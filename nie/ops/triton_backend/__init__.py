"""Fused kernels on CUDA, compiled by Triton."""

from nie.ops.triton_backend.autograd import additive_attention, dot_attention

__all__ = ["additive_attention", "dot_attention"]
