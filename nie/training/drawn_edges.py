"""In-edges that are drawn by their relation or by their source, where a uniform draw would miss what counts."""

from __future__ import annotations

import torch
from torch import Tensor

from nie.dgl_compat import dgl


def drawn_edges(
    graph: dgl.DGLGraph, nodes: Tensor, fanout: int, generator: torch.Generator, *, etype: Tensor | None = None,
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Ids of in-edges of nodes, drawn without replacement.

    An edge's turn in the draw comes by an exponential random number over its source's weight (Efraimidis and Spirakis,
    "Weighted random sampling with a reservoir", 2006): the first edge is each with a probability that is proportional
    to the weight, and so are the next ones among the rest.

    Args:
        graph: a whole graph on the CPU.
        nodes: ids of the nodes.
        fanout: edges of each node at most; -1 takes all.
        generator: decides.
        etype: (E,) relations; where they are given, each relation of a node has its first edge before any relation has
            a second one, even if that makes more edges than ``fanout``.
        weight: (N,) above 0 of sources; by default all edges are equal.

    >>> star = dgl.graph(([1, 2, 3, 4], [0, 0, 0, 0]))
    >>> edges = drawn_edges(star, torch.tensor([0]), 2, torch.Generator(), etype=torch.tensor([0, 0, 0, 1]))
    >>> len(edges), 3 in edges.tolist()
    (2, True)
    """
    entering: tuple[Tensor, Tensor, Tensor] = graph.in_edges(nodes, form="all")
    sources, targets, edges = entering
    if fanout == -1:
        return edges
    turn = torch.empty(len(edges), dtype=torch.float64).exponential_(generator=generator)
    if weight is not None:
        turn = turn / weight[sources]
    needed = torch.zeros(len(edges), dtype=torch.bool)
    order = turn.argsort()
    if etype is not None:
        kind = targets * (int(etype.max()) + 1 if len(etype) else 1) + etype[edges]
        by_kind = order[kind[order].argsort(stable=True)]
        needed[by_kind] = _place_in_group(kind[by_kind]) == 0
        order = order[(~needed[order]).to(torch.int8).argsort(stable=True)]
    order = order[targets[order].argsort(stable=True)]
    chosen: Tensor = edges[order[(_place_in_group(targets[order]) < fanout) | needed[order]]]
    return chosen


def _place_in_group(ordered: Tensor) -> Tensor:
    """Place of each entry, from 0, among those of the same value, which stand together."""
    _, counts = torch.unique_consecutive(ordered, return_counts=True)
    place: Tensor = torch.arange(len(ordered)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    return place
