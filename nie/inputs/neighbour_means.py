"""The mean of the neighbours' vectors: what stands for an embedding that a node does not have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nie.arrays import Ints
from nie.data import Channel, KnowledgeGraph
from nie.data.adjacency import adjacency, both_ways


class NeighbourMeans(NamedTuple):
    """The mean rows of the neighbours of every node, and how many neighbours they are of."""

    channel: Channel
    known: Ints


def neighbour_means(kg: KnowledgeGraph, channel: Channel) -> NeighbourMeans:
    """The mean, for each node, over its neighbours that have the channel, each once, in either direction of an edge.

    A node is no neighbour of its own. One without such neighbours has a zero row and mask False.

    Args:
        kg: the graph.
        channel: of its nodes.

    >>> kg = KnowledgeGraph("g", [0, 0, 1], [1, 1, 2], [0, 1, 0], 3 * [0.0], 3 * [False], list("abc"), ["r", "s"],
    ...                     3 * [None])
    >>> means = neighbour_means(kg, Channel(np.array([[1.0], [5.0], [3.0]]), np.array([True, True, False])))
    >>> means.channel.features.ravel().tolist(), means.known.tolist()
    ([5.0, 1.0, 5.0], [1, 1, 1])
    """
    nodes, others = both_ways(kg.src, kg.dst)
    known = channel.mask[others]
    step = adjacency(nodes[known], others[known], kg.num_nodes)
    count = np.diff(step.indptr).astype(np.int64)
    sums = step @ channel.features.astype(np.float64)
    return NeighbourMeans(Channel((sums / np.maximum(count, 1)[:, None]).astype(np.float32), count > 0), count)
