"""In-edge attention by loops over nodes, heads and edges, straight from the formulas; differentiable, slow."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nie.dgl_compat import dgl


def _attend(
    graph: dgl.DGLGraph, value: Tensor, score: Callable[[int, int, int, int], Tensor], factor: Tensor | None
) -> tuple[Tensor, Tensor]:
    """``score(edge, source, destination, head)`` → output (N_dst, H, D) and attention (E, H).

    ``factor`` (E, H) are the dropout's factors of the weights.
    """
    src, dst = (ends.tolist() for ends in graph.edges(order="eid"))
    _, num_heads, size = value.shape
    attention = [[value.new_zeros(()) for _ in range(num_heads)] for _ in src]
    rows = []
    for node in range(graph.num_dst_nodes()):
        edges = [edge for edge in range(len(dst)) if dst[edge] == node]
        for head in range(num_heads):
            total = value.new_zeros(size)
            if edges:
                weights = [torch.exp(score(edge, src[edge], node, head)) for edge in edges]
                for edge, weight in zip(edges, weights, strict=True):
                    attention[edge][head] = weight / sum(weights)
                    kept = 1.0 if factor is None else factor[edge, head]
                    total = total + attention[edge][head] * kept * value[src[edge], head]
            rows.append(total)
    out = torch.stack(rows).view(-1, num_heads, size)
    return out, torch.stack([torch.stack(row) for row in attention])


def additive_attention(
    graph: dgl.DGLGraph,
    value: Tensor,
    src_score: Tensor,
    dst_score: Tensor,
    rel_score: Tensor | None = None,
    etype: Tensor | None = None,
    negative_slope: float = 0.01,
    factor: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Output and attention of GAT, with relation scores of PreGAT."""

    def score(edge: int, src: int, dst: int, head: int) -> Tensor:
        e = src_score[src, head] + dst_score[dst, head]
        if rel_score is not None and etype is not None:
            e = e + rel_score[etype[edge], head]
        return e if e > 0 else negative_slope * e

    return _attend(graph, value, score, factor)


def dot_attention(
    graph: dgl.DGLGraph,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel: Tensor | None = None,
    etype: Tensor | None = None,
    mode: str = "mul",
    factor: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Output and attention of the (relational) graph transformer."""
    scale = math.sqrt(query.shape[-1])

    def score(edge: int, src: int, dst: int, head: int) -> Tensor:
        s = torch.dot(query[dst, head], key[src, head]) / scale
        if rel is None or etype is None:
            return s
        w = rel[etype[edge], head]
        if mode == "dot":
            return s + torch.dot(query[dst, head], w) / scale
        return {"mul": s * w, "add": s + w, "gate": s / (1 + torch.exp(-w))}[mode]

    return _attend(graph, value, score, factor)
