"""Nodes in groups, by what the graph alone says: their predicates, communities, components, cores or centrality."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nie.arrays import Floats, Ints
from nie.data.adjacency import adjacency, both_ways
from nie.data.centrality import core_number, undirected
from nie.data.components import components
from nie.data.graph import KnowledgeGraph
from nie.errors import NieError, nearest
from nie.later import later
from nie.vocabulary import GroupingName

pagerank = later("nie.data.pagerank:pagerank")


def node_groups(kg: KnowledgeGraph, by: GroupingName, count: int, *, shuffled: bool = False, seed: int = 0) -> Ints:
    """Which of at most ``count`` groups each node is in.

    ``predicates``: relations are clustered (k-means of which nodes they meet at), and a node is in the cluster of most
    of its edges. ``louvain``: communities of the graph without directions (Blondel et al., 2008). ``components``:
    weakly connected components. Of these two the largest ``count - 1`` stay, and all others are one group. ``k-core``
    and ``centrality``: equal shares of the nodes in the order of core number and of PageRank; nodes of equal values
    stay together.

    Args:
        kg: the graph; labels are not read.
        by: one of `GROUPINGS`.
        count: groups at most, 2 or more.
        shuffled: give the same groups to other nodes at random: the control, with groups of the same sizes.
        seed: of clusters, communities and the shuffle.

    Returns:
        (N,) from 0; a group may be empty.

    Raises:
        NieError: an unknown grouping, more clusters than predicates, or a graph that makes one group only.

    Example:
        >>> from nie.data.synthetic_graph import synthetic
        >>> kg = synthetic(0)
        >>> np.bincount(node_groups(kg, "centrality", 3)).tolist()
        [100, 100, 100]
    """
    if by not in GROUPINGS:
        raise NieError(f"There is no grouping {by!r}{nearest(by, GROUPINGS)}; use one of {', '.join(GROUPINGS)}.")
    if count < 2:
        raise NieError(f"Nodes must be in 2 groups or more; got {count}.")
    groups = GROUPINGS[by](kg, count, seed)
    found = len(np.unique(groups))
    if found < 2:
        raise NieError(f"By {by} all nodes of {kg.name} are in one group; group them by something else.")
    return np.random.default_rng(seed).permutation(groups) if shuffled else groups


def _by_predicates(kg: KnowledgeGraph, count: int, seed: int) -> Ints:
    if count > kg.num_relations:
        raise NieError(
            f"{count} clusters of predicates cannot be made of {kg.num_relations} predicates; ask for fewer groups."
        )
    sparse = importlib.import_module("scipy.sparse")
    nodes, relations = np.concatenate([kg.src, kg.dst]), np.concatenate([kg.etype, kg.etype + kg.num_relations])
    shape = (kg.num_nodes, 2 * kg.num_relations)
    met = sparse.coo_array((np.ones(len(nodes)), (nodes, relations)), shape=shape).tocsr()  # (N, 2 R), by direction
    heads, tails = met[:, : kg.num_relations], met[:, kg.num_relations :]
    often = np.log1p(np.hstack([(heads.T @ met).toarray(), (tails.T @ met).toarray()]))  # (R, 4 R)
    vectors = often / np.linalg.norm(often, axis=1, keepdims=True).clip(min=1e-12)
    clusters = (
        importlib.import_module("sklearn.cluster").KMeans(count, n_init=4, random_state=seed).fit_predict(vectors)
    )
    by_cluster = np.zeros((kg.num_nodes, count))
    np.add.at(by_cluster, (nodes, clusters[relations % kg.num_relations]), 1)
    groups: Ints = by_cluster.argmax(axis=1).astype(np.int64)
    return groups


def _by_components(kg: KnowledgeGraph, count: int, _seed: int) -> Ints:
    return _largest(components(kg), count)


def _by_louvain(kg: KnowledgeGraph, count: int, seed: int) -> Ints:
    networkx: Any = importlib.import_module("networkx")
    graph = networkx.from_scipy_sparse_array(adjacency(*both_ways(kg.src, kg.dst), kg.num_nodes))
    groups = np.zeros(kg.num_nodes, dtype=np.int64)
    for number, members in enumerate(networkx.community.louvain_communities(graph, seed=seed)):
        groups[list(members)] = number
    return _largest(groups, count)


def _largest(groups: Ints, count: int) -> Ints:
    """The largest groups, numbered by size, and one of all others."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    number = np.empty(len(sizes), dtype=np.int64)
    number[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    largest: Ints = np.minimum(number[group], count - 1)
    return largest


def _by_share(values: Floats, count: int) -> Ints:
    """Groups of equal shares in the order of values, the lowest first."""
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    groups: Ints = (middle * count // len(values)).astype(np.int64)[place]
    return groups


def _by_core(kg: KnowledgeGraph, count: int, _seed: int) -> Ints:
    return _by_share(core_number(undirected(kg)).astype(np.float64), count)


def _by_centrality(kg: KnowledgeGraph, count: int, _seed: int) -> Ints:
    return _by_share(pagerank(kg), count)


GROUPINGS: dict[GroupingName, Callable[[KnowledgeGraph, int, int], Ints]] = {
    "predicates": _by_predicates,
    "louvain": _by_louvain,
    "components": _by_components,
    "k-core": _by_core,
    "centrality": _by_centrality,
}
"""``(graph, count, seed) -> (N,)`` by name."""
