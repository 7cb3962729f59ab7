"""How central nodes are, by the edges around them and by the paths through them; relations are ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nie.arrays import Floats, Ints
from nie.data.adjacency import adjacency, both_ways

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from nie.data.graph import KnowledgeGraph

PIVOTS = 256
"""Nodes from which shortest paths are counted, where betweenness is sampled."""
MOST_STEPS = 12
"""Longer paths do not count for betweenness; without a bound, a graph like a grid takes hours."""
AT_ONCE = 16
"""Pivots whose paths are counted in one sparse product."""


def undirected(kg: KnowledgeGraph) -> csr_array:
    """(N, N) with 1 where any edge joins two different nodes, in either direction.

    >>> from types import SimpleNamespace
    >>> undirected(SimpleNamespace(num_nodes=2, src=np.array([0, 1, 1]), dst=np.array([1, 0, 1]))).toarray()
    array([[0., 1.],
           [1., 0.]])
    """
    return adjacency(*both_ways(kg.src, kg.dst), kg.num_nodes)


def core_number(joined: csr_array) -> Ints:
    """(N,) the largest k such that a node lies in a part of the graph whose nodes all have k neighbours in it.

    Seidman (1983): the nodes of the smallest degree are taken away again and again, all of them at once.

    Args:
        joined: (N, N) of `undirected`.

    >>> from nie.data import synthetic
    >>> core_number(undirected(synthetic(0))).shape
    (300,)
    """
    degree = np.diff(joined.indptr).astype(np.float64)
    core, left, k = np.zeros(len(degree), dtype=np.int64), np.ones(len(degree), dtype=bool), 0.0
    while left.any():
        k = max(k, degree[left].min())
        leaving = left & (degree <= k)
        core[leaving] = int(k)
        left &= ~leaving
        degree -= joined @ leaving.astype(np.float64)
    return core


def betweenness(
    joined: csr_array, *, pivots: int = PIVOTS, steps: int = MOST_STEPS, seed: int = 0, among: int | None = None
) -> Floats:  # fmt: skip
    """(N,) the number of shortest paths that pass through a node, as shares of those between two nodes, estimated.

    The sum over pairs (s, t) of other nodes of the share of the shortest paths between them that contain the node
    (Freeman, 1977), by Brandes' accumulation (2001) from random pivots s, scaled by N / pivots (Brandes and Pich,
    2007). Each pair counts in both directions. With as many pivots as nodes and enough steps it is exact, twice
    ``networkx.betweenness_centrality(graph, normalized=False)``.

    Args:
        joined: (N, N) of `undirected`.
        pivots: how many, at most all nodes.
        steps: shortest paths that are longer do not count.
        seed: of the draw of the pivots.
        among: they are drawn among the first so many nodes, so that those of a graph stay where nodes are added to it;
            by default among all.

    >>> from types import SimpleNamespace
    >>> path = SimpleNamespace(num_nodes=3, src=np.array([0, 1]), dst=np.array([1, 2]))
    >>> betweenness(undirected(path)).tolist()
    [0.0, 2.0, 0.0]
    """
    nodes = joined.shape[0]
    drawn = np.random.default_rng(seed).permutation(nodes if among is None else among)[:pivots]
    total = np.zeros(nodes)
    for first in range(0, len(drawn), AT_ONCE):
        total += _dependencies(joined, drawn[first : first + AT_ONCE], steps)
    return total * nodes / max(len(drawn), 1)


def _dependencies(joined: csr_array, sources: Ints, steps: int) -> Floats:
    """(N,) the sum over the sources of what Brandes calls their dependency on each node."""
    columns = np.arange(len(sources))
    distance = np.full((joined.shape[0], len(sources)), -1, dtype=np.int16)  # -1: not reached
    distance[sources, columns] = 0
    paths = (distance == 0).astype(np.float64)
    reached = 0
    for step in range(1, steps + 1):
        arriving = joined @ np.where(distance == step - 1, paths, 0)
        new = (arriving > 0) & (distance < 0)
        if not new.any():
            break
        distance[new], reached = step, step
        paths[new] = arriving[new]
    dependency = np.zeros_like(paths)
    for step in range(reached, 0, -1):
        here = distance == step
        owed = np.divide(1 + dependency, paths, out=np.zeros_like(paths), where=here)
        dependency += np.where(distance == step - 1, paths * (joined @ owed), 0)
    dependency[sources, columns] = 0
    summed: Floats = dependency.sum(axis=1)
    return summed
