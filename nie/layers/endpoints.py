"""The features of an edge's two ends: one tensor on a graph, a prefix of it on a block, or a given pair."""

from __future__ import annotations

from typing import TypeAlias

from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.shapes import expect_graph

Features: TypeAlias = Tensor | tuple[Tensor, Tensor]


def endpoints(graph: dgl.DGLGraph, feat: Features, size: int) -> tuple[Tensor, Tensor]:
    """Return source features (N_src, size) and destination features (N_dst, size).

    In a block the destinations are the first rows of the sources, which is how DGL's samplers number them.

    Raises:
        NieError: no graph with one kind of edges, or the number of rows or columns does not fit.

    >>> import torch
    >>> from nie.dgl_compat import dgl
    >>> block = dgl.to_block(dgl.graph(([0, 1], [2, 2])), [2])
    >>> [tuple(part.shape) for part in endpoints(block, torch.ones(3, 4), 4)]
    [(3, 4), (1, 4)]
    """
    expect_graph(graph)
    if isinstance(feat, tuple):
        src, dst = feat
    else:
        src, dst = feat, feat[: graph.num_dst_nodes()] if graph.is_block else feat
    for part, rows, side in ((src, graph.num_src_nodes(), "source"), (dst, graph.num_dst_nodes(), "destination")):
        if part.shape != (rows, size):
            raise NieError(
                f"The {side} features have shape {tuple(part.shape)}, but this graph and layer need ({rows}, {size})."
            )
    return src, dst


def check_relations(rel_size: int, rel: Tensor | None, etype: Tensor | None) -> None:
    """Raise unless a layer is given exactly the relations that it was built for; ``rel_size`` 0 stands for none."""
    if rel_size == 0 and (rel is not None or etype is not None):
        raise NieError("This layer was built with rel_size=0, so it takes no rel and no etype.")
    if rel_size > 0 and (rel is None or etype is None):
        raise NieError(f"This layer was built with rel_size={rel_size}: give the relation table rel and etype.")
    if rel is not None and (rel.dim() != 2 or rel.shape[1] != rel_size):
        raise NieError(f"rel has shape {tuple(rel.shape)}, but this layer needs (number of relations, {rel_size}).")
