"""Mini-batches of clusters: the training nodes of a few parts of the graph, with the edges inside these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from nie.data import MessageGraph
from nie.dgl_compat import dgl
from nie.models.blocks import Degrees
from nie.training.block_batches import NeighbourBatches, SampledNodes
from nie.training.neighbourhood import Neighbourhood, NeighbourSampler

TOGETHER = 4
"""Clusters in a batch, drawn anew in each epoch, so that the edges between any two of them are seen at times."""


def num_clusters(train: int, size: int) -> int:
    """How many clusters batches of about ``size`` of the ``train`` nodes are put together from.

    >>> num_clusters(1000, 100), num_clusters(5, 100)
    (40, 4)
    """
    return TOGETHER * -(-train // size)


class ClusterBatches(NeighbourBatches):
    """Batches of the training nodes in `TOGETHER` random clusters (Chiang et al., Cluster-GCN, KDD 2019).

    Layers read all edges between the nodes of these clusters and no others, so that a batch is no larger with more
    layers. Sums are scaled by the degrees in the whole graph, as those of sampled neighbours are.

    Args:
        message: the message graph; the DGL graph on the CPU.
        train: (n,) ids of the training nodes.
        hops: layers of the model that read edges.
        cluster: (N,) the cluster of each node, such as of `nie.training.metis.metis_parts`.

    Example:
        >>> from nie.data import message_graph, synthetic
        >>> message, cluster = message_graph(synthetic(0)), torch.arange(300) % 8
        >>> batches = ClusterBatches(message, torch.arange(16), 2, cluster)
        >>> batches.sampler.sample(torch.tensor([0, 3]), torch.Generator()).nodes.remainder(8).unique().tolist()
        [0, 3]
    """

    def __init__(self, message: MessageGraph, train: Tensor, hops: int, cluster: Tensor) -> None:
        SampledNodes.__init__(self, ClusterSampler(message, hops, cluster))
        self.train, self.device, self.cluster = train, message.etype.device, cluster

    def _in_turn(self, rows: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        cluster = self.cluster[self.train[rows]]
        present = torch.unique(cluster)
        drawn_in_turn = present[torch.randperm(len(present), generator=generator)]
        # About as many in each, as a cluster alone may have a single training node, which no batch norm can take.
        for drawn in drawn_in_turn.tensor_split(-(-len(present) // TOGETHER)):
            yield rows[torch.isin(cluster, drawn)]


class ClusterSampler:
    """The neighbourhood of nodes within the clusters that they lie in; arguments as of `ClusterBatches`."""

    def __init__(self, message: MessageGraph, hops: int, cluster: Tensor) -> None:
        self.message, self.hops, self.cluster, self.degrees = message, hops, cluster, Degrees.of(message.graph)

    def sample(self, nodes: Tensor, _generator: torch.Generator) -> Neighbourhood:
        """The neighbourhood of ``nodes``, ids on the CPU."""
        message = self.message
        kept = torch.isin(self.cluster, self.cluster[nodes]).nonzero()[:, 0]
        inside = dgl.node_subgraph(message.graph, kept)
        own = replace(message, graph=inside, etype=message.etype[inside.edata[dgl.EID].to(message.etype.device)])
        found = NeighbourSampler(own, [-1] * self.hops).sample(torch.searchsorted(kept, nodes), torch.Generator())
        read = kept[found.nodes]
        return replace(found, nodes=read, degrees=self.degrees.at(read))
