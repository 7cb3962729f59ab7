"""The relations that a node takes part in, as features."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from nie.arrays import Array
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph

MOST_COUNTED = 64
"""Relations that have columns of their own, the most frequent ones."""


def relation_profile(kg: KnowledgeGraph, *, dim: int = 64, seed: int = 0) -> Channel:
    """Embed how many edges of every relation enter and leave a node: what kind of thing it is, seen from the graph.

    The counts, one column for each relation and direction, enter as ``log(1 + count)``; where there are more than
    ``dim`` columns, a truncated SVD reduces them to so many.

    Args:
        kg: the graph; only its edges are read.
        dim: number of dimensions at most.
        seed: seed of the randomised SVD.

    >>> from nie.data.synthetic_graph import synthetic
    >>> kg = synthetic(0)
    >>> relation_profile(kg).features.shape[1] == 2 * kg.num_relations
    True
    """
    return RelationProfile(kg, dim=dim, seed=seed).channel


def relation_counts(kg: KnowledgeGraph, *, most: int = MOST_COUNTED) -> Channel:
    """Tell how many edges of each frequent relation enter and leave a node: (N, 2 m), each as ``log(1 + count)``.

    First come the edges that leave, from the most frequent relation of the graph to the m-th, then those that enter.
    Trees ask them one by one, such as whether a film has won a prize, which the sums of `relation_profile` hide.

    Args:
        kg: the graph; only its edges are read.
        most: relations that are counted at most; m is the number of those that there are, where it is less.

    >>> from nie.data.synthetic_graph import synthetic
    >>> relation_counts(synthetic(0), most=2).features.shape
    (300, 4)
    """
    return RelationCounts(kg, most=most)(kg)


class RelationCounts:
    """The counts of the relations that are frequent in one graph, told of the nodes of any with the same relations.

    Args:
        kg, most: as of `relation_counts`.
    """

    def __init__(self, kg: KnowledgeGraph, *, most: int = MOST_COUNTED) -> None:
        count = np.bincount(kg.etype, minlength=kg.num_relations)
        frequent = np.argsort(-count, kind="stable")[:most]
        self._columns = np.concatenate([frequent, frequent + kg.num_relations])

    def __call__(self, kg: KnowledgeGraph) -> Channel:
        """The counts of a graph's nodes."""
        return _channel(_counts(kg)[:, self._columns].toarray())


class RelationProfile:
    """The profile of the nodes of one graph, which can be told of those of another graph with the same relations.

    Args:
        kg, dim, seed: as of `relation_profile`.

    Attributes:
        channel: of the graph.

    Example:
        >>> from nie.data.synthetic_graph import synthetic
        >>> kg, other = synthetic(0), synthetic(1)
        >>> RelationProfile(kg, dim=2)(other).features.shape
        (300, 2)
    """

    def __init__(self, kg: KnowledgeGraph, *, dim: int = 64, seed: int = 0) -> None:
        counts, self._reduction = _counts(kg), None
        if 2 * kg.num_relations <= dim:
            self.channel = _channel(counts.toarray())
            return
        decomposition = importlib.import_module("sklearn.decomposition")
        self._reduction = decomposition.TruncatedSVD(min(dim, kg.num_nodes), random_state=seed)
        self.channel = _channel(self._reduction.fit_transform(counts))

    def __call__(self, kg: KnowledgeGraph) -> Channel:
        """The profile of another graph's nodes, reduced as that of the first."""
        counts = _counts(kg)
        return _channel(counts.toarray() if self._reduction is None else self._reduction.transform(counts))


def _counts(kg: KnowledgeGraph) -> Any:
    """(N, 2R) sparse logarithms of one more than the numbers of edges."""
    sparse = importlib.import_module("scipy.sparse")
    nodes, relations = kg.num_nodes, kg.num_relations
    rows, columns = np.concatenate([kg.src, kg.dst]), np.concatenate([kg.etype, kg.etype + relations])
    counts = sparse.coo_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(nodes, 2 * relations)).tocsr()
    counts.data = np.log1p(counts.data)
    return counts


def _channel(profile: Array) -> Channel:
    return Channel(np.ascontiguousarray(profile, np.float32), np.ones(len(profile), dtype=bool))
