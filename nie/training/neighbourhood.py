"""The sampled neighbourhood of nodes: what a model reads to compute just these nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nie.data import MessageGraph
from nie.dgl_compat import dgl
from nie.dgl_random import dgl_draws_from
from nie.models import ImportanceScores
from nie.models.blocks import Degrees
from nie.training.drawn_edges import drawn_edges


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The blocks of some nodes.

    Attributes:
        nodes: (N,) ids of the nodes that the first block reads; the sampled ones come first.
        blocks: one for each layer, the first layer's first.
        etypes: (E,) relation of every edge, for each of the blocks.
        degrees: degrees of ``nodes`` in the whole graph.
    """

    nodes: Tensor
    blocks: list[Any]
    etypes: list[Tensor]
    degrees: Degrees

    def outputs(
        self, model: nn.Module, feats: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None = None
    ) -> ImportanceScores:
        """What a model gives for the sampled nodes.

        Args:
            model: takes blocks, and the degrees of the first one's nodes in the whole graph as ``degrees``.
            feats: features by channel of all nodes.
            masks: by channel, the nodes that have it, for a model that takes them.
        """
        read = {name: feat[self.nodes.to(feat.device)] for name, feat in feats.items()}
        further = {} if masks is None else {"masks": {name: mask[self.nodes] for name, mask in masks.items()}}
        scores: ImportanceScores = model(self.blocks, read, self.etypes, degrees=self.degrees, **further)
        return scores


class Sampler(Protocol):
    """Finds the neighbourhood of nodes."""

    def sample(self, nodes: Tensor, generator: torch.Generator) -> Neighbourhood:
        """The neighbourhood of ``nodes``, ids on the CPU, each named once."""


class NeighbourSampler:
    """Samples in-edges of nodes, of their neighbours and so on (Hamilton et al., GraphSAGE, 2017).

    Args:
        message: the message graph; the DGL graph on the CPU.
        fanouts: in-edges sampled for each node, one number for each layer; -1 takes all. Empty: no edge is read.
        kind: which in-edges are sampled: ``uniform``, ``relation`` or ``importance``, see `nie.training.drawn_edges`.

    Example:
        >>> from nie.data import message_graph, synthetic
        >>> sampler = NeighbourSampler(message_graph(synthetic(0)), [5, 5])
        >>> found = sampler.sample(torch.tensor([7, 3]), torch.Generator())
        >>> found.nodes[:2].tolist(), len(found.blocks), found.blocks[-1].num_dst_nodes()
        ([7, 3], 2, 2)
    """

    def __init__(self, message: MessageGraph, fanouts: Sequence[int], kind: str = "uniform") -> None:
        self.message, self.degrees = message, Degrees.of(message.graph)
        self.fanouts, self.kind = list(fanouts), kind
        self.etype = message.etype.cpu() if kind == "relation" else None
        self.weight = 1 / self.degrees.leaving.clamp(min=1) if kind == "importance" else None
        self.sampler = dgl.dataloading.NeighborSampler(self.fanouts)

    def sample(self, nodes: Tensor, generator: torch.Generator) -> Neighbourhood:
        """The neighbourhood of ``nodes``, ids on the CPU, each named once, as ``generator`` decides."""
        if self.kind == "uniform":
            with dgl_draws_from(int(torch.randint(2**31 - 1, (), generator=generator))):
                read, _, blocks = self.sampler.sample_blocks(self.message.graph, nodes)
        else:
            read, blocks = self._drawn(nodes, generator)
        etype = self.message.etype
        etypes = [etype[block.edata[dgl.EID].to(etype.device)] for block in blocks]
        return Neighbourhood(read, blocks, etypes, self.degrees.at(read))

    def _drawn(self, nodes: Tensor, generator: torch.Generator) -> tuple[Tensor, list[Any]]:
        blocks: list[Any] = []
        graph = self.message.graph
        for fanout in reversed(self.fanouts):
            drawn = drawn_edges(graph, nodes, fanout, generator, etype=self.etype, weight=self.weight)
            chosen = dgl.edge_subgraph(graph, drawn, relabel_nodes=False, store_ids=False)
            block = dgl.to_block(chosen, nodes)
            block.edata[dgl.EID] = drawn[block.edata[dgl.EID]]
            blocks.insert(0, block)
            nodes = block.srcdata[dgl.NID]
        return nodes, blocks
