"""What stands around a node, as columns that a table method can read: features of its neighbours, and their labels.

Labels are those of training nodes only, and a training node never contributes to its own row: otherwise a method would
learn to copy a label that no other node has beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array, csr_array

from downstream.methods.pagerank import pagerank
from nie.arrays import Floats, Floats32, Ints
from nie.data.graph import KnowledgeGraph

PARTS = 5
"""Of the training nodes: labels two steps away of a node in one part are read from the others."""
MOST_RELATIONS = 32
"""Relations that have columns of their own, the most frequent ones."""


def neighbour_means(kg: KnowledgeGraph, features: Floats32) -> Floats32:
    """(N, d + 1): mean of the features of all neighbours, in-edges and out-edges alike, and the log of PageRank.

    A node without neighbours has zeros.

    Args:
        kg: the graph; a self-loop makes no neighbour.
        features: (N, d).

    >>> from nie.data import synthetic
    >>> kg = synthetic(0)
    >>> neighbour_means(kg, np.ones((kg.num_nodes, 2), np.float32))[:, :2].max().item()
    1.0
    """
    between = _adjacency(kg.num_nodes, kg.src, kg.dst)
    means = _means(between, features.astype(np.float64), np.ones(kg.num_nodes))
    rank = np.log(kg.num_nodes * pagerank(kg))
    return np.column_stack([np.nan_to_num(means), rank]).astype(np.float32)


def neighbour_labels(kg: KnowledgeGraph, targets: Floats, train: Ints, seed: int) -> Floats32:
    """(N, 3 + 2 r): what the training labels around each node are; nan where there is none.

    The columns are the mean and the log number of labels among the neighbours, the mean over the neighbours of the mean
    label around *them* (two steps away), and the same along each of the r most frequent relations, forwards and
    backwards, such as "other films of this director". The training nodes are dealt into `PARTS` parts, and two steps
    away a training node sees no label of its own part, so not its own either.

    Args:
        kg: the graph; a self-loop makes no neighbour.
        targets: (N,) labels; only those of ``train`` are read.
        train: (n,) ids of the training nodes.
        seed: of the parts.

    >>> from nie.data import synthetic
    >>> kg = synthetic(0)
    >>> train = np.flatnonzero(kg.label_mask)[:100]
    >>> neighbour_labels(kg, kg.targets, train, 0).shape == (kg.num_nodes, 3 + 2 * kg.num_relations)
    True
    """
    known = np.zeros(kg.num_nodes)
    known[train] = 1
    label = np.zeros(kg.num_nodes)
    label[train] = targets[train]
    part = np.full(kg.num_nodes, -1)
    part[train] = np.random.default_rng(seed).permutation(len(train)) % PARTS
    between = _adjacency(kg.num_nodes, kg.src, kg.dst)
    columns = [_means(between, label[:, None], known)[:, 0], np.log1p(between @ known)]
    for there, back in [(between, between), *_along_relations(kg)]:
        column = _two_steps(there, back, label, known)
        for one in range(PARTS):
            others = known * (part != one)
            column[part == one] = _two_steps(there, back, label, others)[part == one]
        columns.append(column)
    return np.stack(columns, axis=1).astype(np.float32)


def _along_relations(kg: KnowledgeGraph) -> Iterator[tuple[csr_array, csr_array]]:
    """For each frequent relation and direction, the matrix of the step there and of the step back."""
    frequent = np.argsort(-np.bincount(kg.etype, minlength=kg.num_relations), kind="stable")[:MOST_RELATIONS]
    for relation in np.sort(frequent):
        edges = kg.etype == relation
        forwards = _matrix(kg.num_nodes, kg.src[edges], kg.dst[edges])
        backwards = forwards.T.tocsr()
        yield forwards, backwards
        yield backwards, forwards


def _adjacency(num_nodes: int, src: Ints, dst: Ints) -> csr_array:
    """(N, N) number of edges between two nodes, whatever their direction."""
    return _matrix(num_nodes, np.concatenate([src, dst]), np.concatenate([dst, src]))


def _matrix(num_nodes: int, rows: Ints, columns: Ints) -> csr_array:
    proper = rows != columns
    ones = np.ones(int(proper.sum()))
    return coo_array((ones, (rows[proper], columns[proper])), shape=(num_nodes, num_nodes)).tocsr()


def _means(step: csr_array, values: Floats, known: Floats) -> Floats:
    """(N, d) mean over the neighbours that are known; nan without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = (step @ (values * known[:, None])) / (step @ known)[:, None]
    return means


def _two_steps(there: csr_array, back: csr_array, label: Floats, known: Floats) -> Floats:
    """(N,) mean, over the nodes one step away, of the mean label that they see on the way back."""
    seen = _means(back, label[:, None], known)
    has = np.isfinite(seen[:, 0]).astype(np.float64)
    return _means(there, np.nan_to_num(seen), has)[:, 0]
