"""Attention and relational sums over the in-edges of a graph's nodes, as differentiable functions.

Layers call these functions and nothing below them, so that a faster backend serves every layer at once.
"""

from nie.ops.attention import REL_MODES, additive_attention, dot_attention
from nie.ops.dropout import dropout
from nie.ops.relational import relational_sum

__all__ = ["REL_MODES", "additive_attention", "dot_attention", "dropout", "relational_sum"]
