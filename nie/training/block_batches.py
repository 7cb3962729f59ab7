"""Mini-batches: training nodes with the sampled neighbourhood that the model's layers read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from nie.data import MessageGraph
from nie.models import ImportanceScores
from nie.training.neighbourhood import Neighbourhood, NeighbourSampler, Sampler


class SampledNodes:
    """What a model gives for nodes, from the blocks of their sampled neighbourhood.

    Args:
        sampler: finds the neighbourhood.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def computed(self, nodes: Tensor, run: Callable[[Neighbourhood], Tensor], generator: torch.Generator) -> Tensor:
        """(n, ...) what ``run`` gives for ``nodes``, ids on the CPU; ``generator`` decides on the sample.

        A node that is named twice is computed once: a block has one row for a node, and its in-edges at that row.
        """
        distinct, row = torch.unique(nodes, return_inverse=True)
        return self._of_distinct(distinct, run, generator)[row]

    def _of_distinct(self, nodes: Tensor, run: Callable[[Neighbourhood], Tensor], generator: torch.Generator) -> Tensor:
        return run(self.sampler.sample(nodes, generator))

    def share_gradients(self, model: nn.Module, head: nn.Module | None = None) -> None:
        """Called before each step; where several hosts train, they add up the gradients of ``model`` here.

        Those of ``head``, which reads what the hosts computed together, are the same on all of them.
        """


class NeighbourBatches(SampledNodes):
    """Batches of training nodes, each with one block of in-edges for each layer.

    Only the nodes of a batch's blocks are ever computed, which bounds the memory of training by the batch and not by
    the graph. The degrees that a model may ask for are the whole graph's, not the sample's. One batch of all training
    nodes with all their neighbours is the same in every epoch, and its blocks are found once: where few nodes have a
    label, this is the whole graph without what no label needs.

    Args:
        message: the message graph; the DGL graph on the CPU.
        train: (n,) ids of the training nodes.
        size: training nodes in a batch at most; all batches have about the same size.
        fanouts: in-edges sampled for each node, one number for each layer; -1 takes all.
        kind: which in-edges are sampled, see `NeighbourSampler`.

    Attributes:
        at_once: whether one batch, which is the same in every epoch, has all that the training nodes read.

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

    at_once = False

    def __init__(
        self, message: MessageGraph, train: Tensor, size: int, fanouts: Sequence[int], kind: str = "uniform"
    ) -> None:
        super().__init__(NeighbourSampler(message, fanouts, kind))
        self.train, self.size, self.device = train, size, message.etype.device
        self.at_once = size >= len(train) and all(fanout == -1 for fanout in fanouts)

    @functools.cached_property
    def _whole(self) -> Neighbourhood:
        return self.whole_of(self.train)

    def whole_of(self, nodes: Tensor) -> Neighbourhood:
        """All that the model reads of nodes, where a batch takes all neighbours."""
        return self.sampler.sample(nodes, torch.Generator())

    def epoch(
        self, model: nn.Module, feats: Mapping[str, Tensor], rows: Tensor, generator: torch.Generator,
        masks: Mapping[str, Tensor] | None = None,
    ) -> Iterator[tuple[Tensor, ImportanceScores]]:  # fmt: skip
        """Go once through training nodes in random order.

        Args:
            model: takes blocks, and the degrees of the first one's nodes in the whole graph as ``degrees``.
            feats: features by channel of all nodes.
            rows: positions in ``train`` of the nodes to go through, in order.
            generator: decides on the order and on the sampled neighbours.
            masks: by channel, the nodes that have it, for a model that takes them.

        Yields:
            Positions in ``train`` and the scores of these nodes.
        """
        if self.at_once and len(rows) == len(self.train):
            yield rows, self._whole.outputs(model, feats, masks)
            return
        for batch in self._in_turn(rows.cpu(), generator):
            yield batch.to(self.device), self._scores(model, self.train[batch], feats, generator, masks)

    def _scores(
        self, model: nn.Module, nodes: Tensor, feats: Mapping[str, Tensor], generator: torch.Generator,
        masks: Mapping[str, Tensor] | None,
    ) -> ImportanceScores:  # fmt: skip
        """What the model gives for nodes, from the blocks of their neighbourhood."""
        return self.sampler.sample(nodes, generator).outputs(model, feats, masks)

    def _in_turn(self, rows: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        """The batches of an epoch."""
        order = rows[torch.randperm(len(rows), generator=generator)]
        yield from order.tensor_split(-(-len(rows) // self.size))
