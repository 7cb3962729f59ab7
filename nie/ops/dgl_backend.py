"""In-edge attention on DGL's message-passing kernels and torch's autograd. The reference for other backends.

The result does not depend on the order of the edges, but the time does: with the edges sorted by destination the
kernels read them in sequence, which about halves a training step on a million edges.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.drop_pattern import dropout_scale
from nie.ops.plain_backend import relational_product

__all__ = ["additive_attention", "dot_attention", "neighbour_sum", "relational_product", "relational_sum"]


def additive_attention(
    graph: dgl.DGLGraph,
    value: Tensor,
    src_score: Tensor,
    dst_score: Tensor,
    rel_score: Tensor | None,
    etype: Tensor | None,
    negative_slope: float,
    attn_drop: float,
    seed: int,
    return_attention: bool,
) -> tuple[Tensor, Tensor]:
    """See :func:`nie.ops.additive_attention`; returns output and attention."""
    _expect_same_device(graph, value)
    score = dgl.ops.u_add_v(graph, src_score, dst_score)  # (E, H)
    if rel_score is not None and etype is not None:
        score = score + rel_score.index_select(0, etype.long())
    return _aggregate(graph, F.leaky_relu(score, negative_slope), value, attn_drop, seed)


def dot_attention(
    graph: dgl.DGLGraph,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel: Tensor | None,
    etype: Tensor | None,
    mode: str,
    attn_drop: float,
    seed: int,
    return_attention: bool,
) -> tuple[Tensor, Tensor]:
    """See :func:`nie.ops.dot_attention`; returns output and attention."""
    _expect_same_device(graph, value)
    query = query / math.sqrt(query.shape[-1])  # on N rows, not on E
    score = dgl.ops.u_dot_v(graph, key, query).squeeze(-1)  # (E, H)
    if rel is not None and etype is not None:
        if mode == "dot":
            by_relation = _relation_graph(graph, etype, len(rel))
            score = score + dgl.ops.u_dot_v(by_relation, rel, query).squeeze(-1)
        elif mode == "add":
            score = score + rel.index_select(0, etype.long())
        else:
            score = score * rel.index_select(0, etype.long())
    return _aggregate(graph, score, value, attn_drop, seed)


def neighbour_sum(graph: dgl.DGLGraph, value: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    """See :func:`nie.ops.neighbour_sum`."""
    _expect_same_device(graph, value)
    if edge_weight is None:
        out: Tensor = dgl.ops.copy_u_sum(graph, value)
    else:
        out = dgl.ops.u_mul_e_sum(graph, value, edge_weight[:, None])
    return out


def relational_sum(graph: dgl.DGLGraph, value: Tensor, coefficient: Tensor, etype: Tensor) -> Tensor:
    """See :func:`nie.ops.relational_sum`."""
    _expect_same_device(graph, value)
    by_basis: Tensor = dgl.ops.u_mul_e_sum(graph, value, coefficient.index_select(0, etype.long()).unsqueeze(-1))
    return by_basis.sum(1)


def _expect_same_device(graph: dgl.DGLGraph, value: Tensor) -> None:
    if graph.device != value.device:
        raise NieError(
            f"The backend 'dgl' needs the graph on {value.device}, and it is on {graph.device}; the backend 'triton' "
            "takes it there itself, for float32 and float64."
        )


def _aggregate(graph: dgl.DGLGraph, score: Tensor, value: Tensor, attn_drop: float, seed: int) -> tuple[Tensor, Tensor]:
    """Softmax ``score`` (E, H) over in-edges and add up the sources' values; returns output and attention."""
    attention = dgl.ops.edge_softmax(graph, score)
    weight = attention
    if attn_drop > 0:
        weight = attention * dropout_scale(len(attention), attention.shape[1], attn_drop, seed, like=attention)
    return dgl.ops.u_mul_e_sum(graph, value, weight.unsqueeze(-1)), attention


def _relation_graph(graph: dgl.DGLGraph, etype: Tensor, num_relations: int) -> dgl.DGLGraph:
    """The same edges in the same order, starting at their relations instead of their source nodes.

    A dot product of a relation's and a destination's vector is then one more message-passing kernel, forward and
    backward, and the relation vectors are never copied onto the edges.
    """
    _, dst = graph.edges(order="eid")
    return dgl.heterograph(
        {("relation", "to", "node"): (etype.to(dst.dtype), dst)},
        num_nodes_dict={"relation": num_relations, "node": graph.num_dst_nodes()},
    )
