"""The operations in torch's own operators alone: slow and large, and differentiable as often as one likes.

They hold one value, or one row of values, for each edge for a moment, and give the same bits every time. They compute
gradients that are themselves differentiated (see `nie.ops.derivatives`), and on CUDA, where there is no kernel for them
and PyPI's DGL does not run, the sums.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops.drop_pattern import dropout_scale
from nie.ops.edge_index import prepare
from nie.ops.row_sum import row_sum


def additive_attention(
    graph: dgl.DGLGraph, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor | None,
    etype: Tensor | None, negative_slope: float, attn_drop: float, seed: int, return_attention: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """See :func:`nie.ops.additive_attention`; returns output and attention."""
    src, dst = _ends(graph, value)
    score = src_score[src] + dst_score[dst]
    if rel_score is not None and etype is not None:
        score = score + rel_score[_ids(etype, value)]
    out, attention = _aggregate(graph, F.leaky_relu(score, negative_slope), value, attn_drop, seed)
    return out, attention if return_attention else None


def dot_attention(
    graph: dgl.DGLGraph, query: Tensor, key: Tensor, value: Tensor, rel: Tensor | None, etype: Tensor | None, mode: str,
    attn_drop: float, seed: int, return_attention: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """See :func:`nie.ops.dot_attention`; returns output and attention."""
    src, dst = _ends(graph, value)
    own = query[dst] / math.sqrt(query.shape[-1])
    score = (own * key[src]).sum(-1)
    if rel is not None and etype is not None:
        of_relation = rel[_ids(etype, value)]
        if mode == "dot":
            score = score + (own * of_relation).sum(-1)
        else:
            score = score + of_relation if mode == "add" else score * of_relation
    out, attention = _aggregate(graph, score, value, attn_drop, seed)
    return out, attention if return_attention else None


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


def relational_product(graph: dgl.DGLGraph, feat: Tensor, weight: Tensor, etype: Tensor) -> Tensor:
    """See :func:`nie.ops.relational_product`."""
    prepared = prepare(graph, feat.device)
    pairs = prepared.relations(etype).pairs
    # Not one relation's part of ``weight`` after the other, each of which would have a gradient as large as the whole.
    parts = zip(torch.split(feat[pairs.sources], pairs.counts), weight.unbind(), strict=False)
    product = torch.cat([part @ matrix for part, matrix in parts if len(part)] or [feat[:0] @ weight[0]])
    return row_sum(product[pairs.of_edge], prepared.ends[1], graph.num_dst_nodes())


def _aggregate(graph: dgl.DGLGraph, score: Tensor, value: Tensor, attn_drop: float, seed: int) -> tuple[Tensor, Tensor]:
    """Softmax ``score`` (E, H) over in-edges and add up the sources' values; returns output and attention."""
    src, dst = _ends(graph, value)
    count, rows = graph.num_dst_nodes(), dst[:, None].expand_as(score)
    # A softmax does not depend on what is subtracted, so that the largest score needs no derivative.
    nothing = score.new_zeros(count, score.shape[1])
    largest = nothing.scatter_reduce(0, rows, score.detach(), "amax", include_self=False)
    exponential = (score - largest[dst]).exp()
    attention = weight = exponential / row_sum(exponential, dst, count)[dst]
    if attn_drop > 0:
        weight = attention * dropout_scale(len(attention), attention.shape[1], attn_drop, seed, like=attention)
    return row_sum(value[src] * weight[..., None], dst, count), attention


def _ends(graph: dgl.DGLGraph, value: Tensor) -> tuple[Tensor, Tensor]:
    """(E,) sources and (E,) destinations, in the order of the edges' ids."""
    src, dst = graph.edges(order="eid")
    return _ids(src, value), _ids(dst, value)


def _ids(ids: Tensor, value: Tensor) -> Tensor:
    """As torch's indexing of ``value`` takes them."""
    return ids.to(value.device, torch.int64)
