"""Attention and relational sums over the in-edges of nodes, and distances between them, as differentiable functions.

Layers call these functions and nothing below them, so that a faster backend serves every layer at once.
"""

from nie.ops.attention import REL_MODES, additive_attention, dot_attention
from nie.ops.complex_distance import complex_distance
from nie.ops.dropout import dropout
from nie.ops.relational import relational_sum

__all__ = ["REL_MODES", "additive_attention", "complex_distance", "dot_attention", "dropout", "relational_sum"]
