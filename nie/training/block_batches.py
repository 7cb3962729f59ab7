"""Mini-batches: training nodes with the sampled neighbourhood that the model's layers read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nie.data import MessageGraph
from nie.dgl_compat import dgl
from nie.models import ImportanceScores
from nie.models.blocks import log_in_degree


class NeighbourBatches:
    """Batches of training nodes, each with one block of in-edges a layer (Hamilton et al., GraphSAGE, 2017).

    Only the nodes of a batch's blocks are ever computed, which bounds the memory of training by the batch and not by
    the graph. The centrality that a model may ask for is the whole graph's, not the sample's.

    Args:
        message: the message graph; the DGL graph on the CPU.
        train: (n,) ids of the training nodes.
        size: training nodes a batch at most; all batches have about the same size.
        fanouts: in-edges sampled a node, one number a layer; -1 takes all.

    Example:
        >>> from nie.data import message_graph, synthetic
        >>> from nie.models import GENI
        >>> message = message_graph(synthetic(0))
        >>> batches = NeighbourBatches(message, torch.arange(10), 4, [5, 5])
        >>> model = GENI(channel_sizes={"semantic": 8}, num_relations=message.num_relations)
        >>> feats = {"semantic": torch.zeros(300, 8)}
        >>> [len(scores.score) for _, scores in batches.epoch(model, feats, torch.arange(10), torch.Generator())]
        [4, 3, 3]
    """

    def __init__(self, message: MessageGraph, train: Tensor, size: int, fanouts: Sequence[int]) -> None:
        self.message, self.train, self.size = message, train, size
        self.sampler = dgl.dataloading.NeighborSampler(list(fanouts))
        # Only its type and device count: float32 on the CPU, where batches are drawn.
        self.centrality = log_in_degree(message.graph, torch.empty(0))

    def epoch(
        self, model: nn.Module, feats: Mapping[str, Tensor], rows: Tensor, generator: torch.Generator,
        masks: Mapping[str, Tensor] | None = None,
    ) -> Iterator[tuple[Tensor, ImportanceScores]]:  # fmt: skip
        """Go once through training nodes in random order.

        Args:
            model: takes blocks, and the in-degree's logarithm as ``centrality``.
            feats: features by channel of all nodes.
            rows: positions in ``train`` of the nodes to go through.
            generator: decides on the order and on the sampled neighbours.
            masks: by channel, the nodes that have it, for a model that takes them.

        Yields:
            Positions in ``train`` and the scores of these nodes.
        """
        rows = rows.cpu()
        order = rows[torch.randperm(len(rows), generator=generator)]
        for batch in order.tensor_split(-(-len(rows) // self.size)):
            blocks, nodes = self._sample(self.train[batch], generator)
            device = self.message.etype.device
            etypes = [self.message.etype[block.edata[dgl.EID].to(device)] for block in blocks]
            inputs = {name: feat[nodes.to(feat.device)] for name, feat in feats.items()}
            centrality = self.centrality[self.train[batch]].to(device)
            given = {} if masks is None else {"masks": {name: mask[nodes] for name, mask in masks.items()}}
            yield batch.to(device), model(blocks, inputs, etypes, centrality=centrality, **given)

    def _sample(self, seeds: Tensor, generator: torch.Generator) -> tuple[list[Any], Tensor]:
        """Blocks of ``seeds``, first layer first, and the nodes that the first one reads."""
        # DGL samples from a state of its own; a seed a batch makes it a function of our generator's.
        dgl.seed(int(torch.randint(2**31 - 1, (), generator=generator)))
        nodes, _, blocks = self.sampler.sample_blocks(self.message.graph, seeds)
        return blocks, nodes
