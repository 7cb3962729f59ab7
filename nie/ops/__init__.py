"""Attention and sums over the in-edges of nodes, and distances between them, as differentiable functions.

Layers call these functions and nothing below them, so that a faster backend serves every layer at once.
"""

from nie.ops.all_nodes import whole_sum
from nie.ops.attention import additive_attention, dot_attention
from nie.ops.distance import complex_distance
from nie.ops.fused_dropout import dropout
from nie.ops.neighbours import neighbour_sum
from nie.ops.relational import relational_product, relational_sum
from nie.vocabulary import REL_MODES

__all__ = [
    "REL_MODES",
    "additive_attention",
    "complex_distance",
    "dot_attention",
    "dropout",
    "neighbour_sum",
    "relational_product",
    "relational_sum",
    "whole_sum",
]
