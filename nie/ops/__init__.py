"""Attention over the in-edges of a graph's nodes, as differentiable functions.

Layers call these two functions and nothing below them, so that a faster backend serves every layer at once.
"""

from nie.ops.attention import REL_MODES, additive_attention, dot_attention

__all__ = ["REL_MODES", "additive_attention", "dot_attention"]
