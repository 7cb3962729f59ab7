"""The relations that a node takes part in, as features."""

from __future__ import annotations

import importlib

import numpy as np

from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph


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
    sparse = importlib.import_module("scipy.sparse")
    nodes, relations = kg.num_nodes, kg.num_relations
    rows, columns = np.concatenate([kg.src, kg.dst]), np.concatenate([kg.etype, kg.etype + relations])
    counts = sparse.coo_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(nodes, 2 * relations)).tocsr()
    counts.data = np.log1p(counts.data)
    if 2 * relations <= dim:
        profile = counts.toarray()
    else:
        decomposition = importlib.import_module("sklearn.decomposition")
        profile = decomposition.TruncatedSVD(min(dim, nodes), random_state=seed).fit_transform(counts)
    return Channel(np.ascontiguousarray(profile, np.float32), np.ones(nodes, dtype=bool))
