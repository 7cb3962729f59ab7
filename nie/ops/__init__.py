"""Attention over the in-edges of a graph's nodes, as differentiable functions.

Layers call these functions and nothing below them, so that a faster backend serves every layer at once.
"""

from nie.ops.attention import REL_MODES, additive_attention, dot_attention
from nie.ops.dropout import dropout

__all__ = ["REL_MODES", "additive_attention", "dot_attention", "dropout"]
