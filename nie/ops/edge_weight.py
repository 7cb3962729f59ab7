"""Weights of edges: an edge of weight 1 is as it is, and one of weight 0 is as if it were removed.

They say what a score owes to an edge: what a model computes is differentiable in them, is exactly what it is without
the edge at 0, and goes from the one to the other in between. At a node whose in-edges all weigh 0, where attention
jumps, its derivative is 0.

Sums take weights of either sign. So does the softmax of attention, whose weights then no longer are a mean's; what is
not finite shows in the result.
"""

from __future__ import annotations

from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError

EDGE_WEIGHT = "edge_weight"
"""The name in ``graph.edata`` under which every operation, and so every layer and model, finds the weights."""


def weight_of(graph: dgl.DGLGraph, given: Tensor | None = None) -> Tensor | None:
    """The weights (E,) of a graph's edges: those given, else ``graph.edata["edge_weight"]``, else None for all 1.

    Raises:
        NieError: they are not one floating-point number for each edge.
    """
    weight = graph.edata.get(EDGE_WEIGHT) if given is None else given
    if weight is not None and (weight.shape != (graph.num_edges(),) or not weight.is_floating_point()):
        raise NieError(
            f"edge_weight must be one floating-point number for each of the {graph.num_edges()} edges; got "
            f"{weight.dtype} of shape {tuple(weight.shape)}."
        )
    return weight
