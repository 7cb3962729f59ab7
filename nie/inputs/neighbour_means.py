"""The mean of the neighbours' vectors: what stands for an embedding that a node does not have."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import numpy as np

from nie.arrays import Ints
from nie.data import Channel, KnowledgeGraph


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
    sparse = importlib.import_module("scipy.sparse")
    proper = kg.src != kg.dst
    src, dst, nodes = kg.src[proper], kg.dst[proper], kg.num_nodes
    node, neighbour = np.divmod(np.unique(np.concatenate([src * nodes + dst, dst * nodes + src])), nodes)
    known = channel.mask[neighbour]
    ends = node[known], neighbour[known]
    step = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(nodes, nodes)).tocsr()
    count = np.bincount(ends[0], minlength=nodes)
    sums = step @ channel.features.astype(np.float64)
    return NeighbourMeans(Channel(sums / np.maximum(count, 1)[:, None], count > 0), count)
