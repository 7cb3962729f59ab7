"""What a model runs on: the same full graph in every layer, or one sampled block for each layer; and their degrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.degrees import in_degree

Graphs: TypeAlias = dgl.DGLGraph | Sequence[dgl.DGLGraph]
EdgeTypes: TypeAlias = Tensor | Sequence[Tensor] | None


class Degrees(NamedTuple):
    """In- and out-degrees of nodes, each (N,), in the whole graph.

    With blocks they are those of the first block's source nodes. The nodes of a later block are the first of them,
    which is how DGL's samplers number them, so that these serve every layer.
    """

    entering: Tensor
    leaving: Tensor

    @classmethod
    def of(cls, graph: dgl.DGLGraph) -> Degrees:
        """The degrees of all nodes of a graph.

        >>> Degrees.of(dgl.graph(([0, 1], [2, 2]))).entering.tolist()
        [0, 0, 2]
        """
        return cls(graph.in_degrees(), graph.out_degrees())

    def at(self, nodes: Tensor) -> Degrees:
        """The degrees of these nodes."""
        return Degrees(self.entering[nodes], self.leaving[nodes])

    def of_block(self, graph: dgl.DGLGraph) -> tuple[Tensor, Tensor]:
        """Out-degrees (N_src,) of the sources of a graph or block, and in-degrees (N_dst,) of its destinations."""
        return self.leaving[: graph.num_src_nodes()], self.entering[: graph.num_dst_nodes()]


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
        raise NieError(
            f"{num_layers} layers must have {num_layers} blocks and etype tensors; got {len(graph)} and {given}."
        )
    return list(zip(graph, etypes, strict=True))


def log_in_degree(graph: dgl.DGLGraph, like: Tensor, degrees: Degrees | None = None) -> Tensor:
    """Logarithm of the in-degree (N_dst,), 0 for a node without in-edges, with the type and device of ``like``.

    Args:
        graph: a graph, or the last block.
        like: has the type and the device of the result.
        degrees: degrees of the whole graph, for a block of sampled neighbours, whose in-degree is the sample's.
    """
    degree = in_degree(graph, like) if degrees is None else degrees.of_block(graph)[1].to(like)
    return degree.clamp(min=1).log()
