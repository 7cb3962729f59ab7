"""The operations in torch's own operators alone: slow and large, and differentiable as often as one likes.

They hold one value, or one row of values, for each edge for a moment. They compute gradients that are themselves
differentiated (see `nie.ops.derivatives`), and on CUDA, where there is no kernel for them and PyPI's DGL does not run,
the sums.

What they compute is the same bits every time, and so are its gradients on CUDA; on the CPU, several threads of torch
add those up in whatever order they come, but for a block of `nie.training.loop.seeded`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops.drop_pattern import dropout_scale
from nie.ops.edge_index import Prepared, prepare
from nie.ops.row_sum import row_sum

HIGHEST = 60.0
"""By so much may the score of a removed edge, of which only the derivative counts, exceed those that are left."""


def additive_attention(
    graph: dgl.DGLGraph, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor | None,
    etype: Tensor | None, negative_slope: float, attn_drop: float, seed: int, return_attention: bool,
    edge_weight: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """See :func:`nie.ops.additive_attention`; returns output and attention."""
    src, dst = _ends(graph, value)
    score = src_score[src] + dst_score[dst]
    if rel_score is not None and etype is not None:
        score = score + rel_score[_ids(etype, value)]
    out, attention = _aggregate(graph, F.leaky_relu(score, negative_slope), value, attn_drop, seed, edge_weight)
    return out, attention if return_attention else None


def dot_attention(
    graph: dgl.DGLGraph, query: Tensor, key: Tensor, value: Tensor, rel: Tensor | None, etype: Tensor | None, mode: str,
    attn_drop: float, seed: int, return_attention: bool, edge_weight: Tensor | None = None,
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
    out, attention = _aggregate(graph, score, value, attn_drop, seed, edge_weight)
    return out, attention if return_attention else None


def neighbour_sum(graph: dgl.DGLGraph, value: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    """See :func:`nie.ops.neighbour_sum`."""
    prepared = prepare(graph, value.device)
    src, dst = prepared.ends
    # Not index_select, whose backward pass adds up in any order on CUDA.
    return row_sum(_weighted(value[src], prepared, edge_weight), dst, graph.num_dst_nodes())


def relational_sum(
    graph: dgl.DGLGraph, value: Tensor, coefficient: Tensor, etype: Tensor, edge_weight: Tensor | None = None
) -> Tensor:
    """See :func:`nie.ops.relational_sum`."""
    prepared = prepare(graph, value.device)
    src, dst = prepared.ends
    weight = _weighted(coefficient[prepared.relations(etype).by_dst.long()], prepared, edge_weight)  # (E, B)
    out = value.new_zeros(graph.num_dst_nodes(), value.shape[2])
    # One basis at a time, to spare memory.
    for basis, own_weight in zip(value.unbind(1), weight.unbind(1), strict=True):
        out = out + row_sum(basis[src] * own_weight[:, None], dst, len(out))
    return out


def relational_product(
    graph: dgl.DGLGraph, feat: Tensor, weight: Tensor, etype: Tensor, edge_weight: Tensor | None = None
) -> Tensor:
    """See :func:`nie.ops.relational_product`."""
    prepared = prepare(graph, feat.device)
    pairs = prepared.relations(etype).pairs
    # Not one relation's part of ``weight`` after the other, each of which would have a gradient as large as the whole.
    parts = zip(torch.split(feat[pairs.sources], pairs.counts), weight.unbind(), strict=False)
    product = torch.cat([part @ matrix for part, matrix in parts if len(part)] or [feat[:0] @ weight.sum(0)])
    by_edge = _weighted(product[pairs.of_edge], prepared, edge_weight)
    return row_sum(by_edge, prepared.ends[1], graph.num_dst_nodes())


def _aggregate(
    graph: dgl.DGLGraph, score: Tensor, value: Tensor, attn_drop: float, seed: int, edge_weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Softmax ``score`` (E, H) over in-edges and add up the sources' values; returns output and attention."""
    src, dst = _ends(graph, value)
    count, rows = graph.num_dst_nodes(), dst[:, None].expand_as(score)
    # A softmax does not depend on what is subtracted, so that the largest score needs no derivative.
    nothing, there = score.new_zeros(count, score.shape[1]), score.detach()
    if edge_weight is not None:  # what is removed must not be so large that all others vanish beside it
        there = there.masked_fill((edge_weight == 0)[:, None], -torch.inf)
    largest = nothing.scatter_reduce(0, rows, there, "amax", include_self=False)
    if edge_weight is None:
        exponential = (score - largest[dst]).exp()
        total = row_sum(exponential, dst, count)
    else:
        below = (score - largest.masked_fill(largest.isinf(), 0)[dst]).clamp(max=HIGHEST)
        exponential = below.exp() * edge_weight[:, None]
        total = row_sum(exponential, dst, count)
        total = total.masked_fill(total == 0, torch.inf)  # where no in-edge is left, nothing has a derivative
    attention = weight = exponential / total[dst]
    if attn_drop > 0:
        weight = attention * dropout_scale(len(attention), attention.shape[1], attn_drop, seed, like=attention)
    return row_sum(value[src] * weight[..., None], dst, count), attention


def _weighted(by_edge: Tensor, prepared: Prepared, edge_weight: Tensor | None) -> Tensor:
    """Rows (E, n) in the order of ``Prepared.by_dst``, each times the weight of its edge."""
    return by_edge if edge_weight is None else by_edge * edge_weight[prepared.by_dst.ids.long()][:, None]


def _ends(graph: dgl.DGLGraph, value: Tensor) -> tuple[Tensor, Tensor]:
    """(E,) sources and (E,) destinations, in the order of the edges' ids."""
    src, dst = graph.edges(order="eid")
    return _ids(src, value), _ids(dst, value)


def _ids(ids: Tensor, value: Tensor) -> Tensor:
    """As torch's indexing of ``value`` takes them."""
    return ids.to(value.device, torch.int64)
