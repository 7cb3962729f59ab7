"""What a model runs on: the same full graph in every layer, or one sampled block a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError

Graphs: TypeAlias = dgl.DGLGraph | Sequence[dgl.DGLGraph]
EdgeTypes: TypeAlias = Tensor | Sequence[Tensor] | None


def per_layer(graph: Graphs, etype: EdgeTypes, num_layers: int) -> list[tuple[dgl.DGLGraph, Tensor | None]]:
    """Return (graph, etype) for each layer; a single graph serves all of them.

    Raises:
        NieError: the number of blocks, or of edge-type tensors, is not the number of layers.
    """
    if isinstance(graph, dgl.DGLGraph):
        if etype is not None and not isinstance(etype, Tensor):
            raise NieError("One graph takes one etype tensor, not a sequence of them.")
        return [(graph, etype)] * num_layers
    etypes = [None] * len(graph) if etype is None else etype
    if isinstance(etypes, Tensor) or not len(graph) == len(etypes) == num_layers:
        given = "one etype tensor" if isinstance(etypes, Tensor) else f"{len(etypes)} etype tensors"
        raise NieError(f"{num_layers} layers need {num_layers} blocks and etype tensors, not {len(graph)} and {given}.")
    return list(zip(graph, etypes, strict=True))


def log_in_degree(graph: dgl.DGLGraph, like: Tensor) -> Tensor:
    """Logarithm of the in-degree (N_dst,), 0 for a node without in-edges, with the type and device of ``like``."""
    degree: Tensor = graph.in_degrees().to(like)
    return degree.clamp(min=1).log()
