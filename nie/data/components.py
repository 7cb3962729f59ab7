"""Which parts of a graph hang together."""

from __future__ import annotations

import importlib

from nie.arrays import Ints
from nie.data.adjacency import adjacency
from nie.data.graph import KnowledgeGraph


def components(kg: KnowledgeGraph, *, strong: bool = False) -> Ints:
    """(N,) the number of the connected component that each node is in, from 0.

    Args:
        kg: the graph; only ``num_nodes``, ``src`` and ``dst`` are read.
        strong: two nodes are in one component where each can be reached from the other along the edges. By default
            edges count in either direction (weakly connected).

    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> path = SimpleNamespace(num_nodes=3, src=np.array([0]), dst=np.array([1]))
    >>> components(path).tolist(), len(set(components(path, strong=True).tolist()))
    ([0, 0, 1], 3)
    """
    graphs = importlib.import_module("scipy.sparse.csgraph")  # here, because groups are named where nothing is computed
    joined = adjacency(kg.src, kg.dst, kg.num_nodes)
    found: Ints = graphs.connected_components(joined, connection="strong" if strong else "weak")[1]
    return found
