"""Sums over in-edges in plain torch: for CUDA, where there is no kernel for them and PyPI's DGL does not run.

They hold one value for each edge for a moment, unlike the kernels of other devices, and give the same bits every time.
"""

from __future__ import annotations

from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops.edge_index import prepare
from nie.ops.row_sum import row_sum


def neighbour_sum(graph: dgl.DGLGraph, value: Tensor) -> Tensor:
    """See :func:`nie.ops.neighbour_sum`."""
    src, dst = prepare(graph, value.device).ends
    # Not index_select, whose backward pass adds up in any order on CUDA.
    return row_sum(value[src], dst, graph.num_dst_nodes())


def relational_sum(graph: dgl.DGLGraph, value: Tensor, coefficient: Tensor, etype: Tensor) -> Tensor:
    """See :func:`nie.ops.relational_sum`."""
    prepared = prepare(graph, value.device)
    src, dst = prepared.ends
    weight = coefficient[prepared.relations(etype).by_dst.long()]  # (E, B)
    out = value.new_zeros(graph.num_dst_nodes(), value.shape[2])
    # One basis at a time, to spare memory.
    for basis, own_weight in zip(value.unbind(1), weight.unbind(1), strict=True):
        out = out + row_sum(basis[src] * own_weight[:, None], dst, len(out))
    return out
