"""Degrees of nodes, each edge counted by its weight."""

from __future__ import annotations

from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops.edge_weight import weight_of
from nie.ops.excerpt import OUT_DEGREE, record, running
from nie.ops.row_sum import row_sum


def in_degree(graph: dgl.DGLGraph, like: Tensor) -> Tensor:
    """The in-degree of every destination (N_dst,), in the type and on the device of ``like``.

    >>> import torch
    >>> graph = dgl.graph(([0, 1], [2, 2]))
    >>> graph.edata["edge_weight"] = torch.tensor([1.0, 0.5])
    >>> in_degree(graph, torch.empty(0)).tolist()
    [0.0, 0.0, 1.5]
    """
    return _degree(graph, like, leaving=False)


def out_degree(graph: dgl.DGLGraph, like: Tensor) -> Tensor:
    """The out-degree of every source (N_src,), likewise."""
    return _degree(graph, like, leaving=True)


def _degree(graph: dgl.DGLGraph, like: Tensor, *, leaving: bool) -> Tensor:
    if leaving:
        record(graph, OUT_DEGREE)
    excerpt, weight = running(graph), weight_of(graph)
    if excerpt is not None:
        return excerpt.degree(like, leaving=leaving)
    if weight is None:
        count: Tensor = graph.out_degrees() if leaving else graph.in_degrees()
        return count.to(like)
    ends, nodes = graph.edges(order="eid"), graph.num_src_nodes() if leaving else graph.num_dst_nodes()
    return row_sum(weight.to(like), ends[0 if leaving else 1].to(like.device).long(), nodes)
