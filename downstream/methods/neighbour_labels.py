"""The training labels around a node as its features.

Labels are those of training nodes only, and a training node never contributes to its own row: otherwise a method would
learn to copy a label that no other node has beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from nie.arrays import Floats, Ints
from nie.data import Channel, KnowledgeGraph
from nie.data.adjacency import both_ways, edge_counts

PARTS = 5
"""Of the training nodes: labels two steps away of a node in one part are read from the others."""
MOST_RELATIONS = 32
"""Relations that have columns of their own, the most frequent ones."""


def neighbour_labels(kg: KnowledgeGraph, targets: Floats, train: Ints, seed: int) -> Channel:
    """(N, 6 + 2 r): what the training labels around each node are.

    Of the labels among the neighbours, whatever the direction of the edges, these are the mean, the log of one more
    than their number, the standard deviation, the largest, and the mean weighted by the degree of who has them; then
    the mean over the neighbours of the mean label around *them* (two steps away), and the same along each of the r most
    frequent relations, forwards and backwards, such as "other films of this director". Parallel edges count each.

    The training nodes are dealt into `PARTS` parts, and two steps away a training node sees no label of its own part.
    So it does not see its own, and cannot tell it from what is left of a sum that other nodes see as a whole. Where
    there is no label, the mean of all training labels stands, for a training node those of the other parts; the
    deviation is then 0.

    Args:
        kg: the graph; a self-loop makes no neighbour.
        targets: (N,) labels; only those of ``train`` are read.
        train: (n,) ids of the training nodes.
        seed: of the parts.

    >>> from nie.data import synthetic
    >>> kg = synthetic(0)
    >>> train = np.flatnonzero(kg.label_mask)[:100]
    >>> around = neighbour_labels(kg, kg.targets, train, 0)
    >>> around.features.shape == (kg.num_nodes, 6 + 2 * kg.num_relations)
    True
    """
    known, label = np.zeros(kg.num_nodes), np.zeros(kg.num_nodes)
    known[train], label[train] = 1, targets[train]
    part = np.full(kg.num_nodes, PARTS)  # that of all other nodes, from which they see every label
    part[train] = np.random.default_rng(seed).permutation(len(train)) % PARTS
    visible = known[:, None] * (part[:, None] != np.arange(PARTS + 1))  # (N, PARTS + 1): the labels seen from a part
    usual = (label @ visible / np.maximum(visible.sum(axis=0), 1))[part]

    between = edge_counts(*both_ways(kg.src, kg.dst), kg.num_nodes)
    degree = np.asarray(between.sum(axis=1)).ravel()
    mean, square = (_mean(between, values, known) for values in (label, label**2))
    columns = [
        mean,
        np.log1p(between @ known),
        np.nan_to_num(np.sqrt(np.maximum(square - mean**2, 0))),
        _largest(between, label, train),
        _mean(between, label, known * degree),
    ]
    for there, back in [(between, between), *_along_relations(kg)]:
        seen = _mean(back, label[:, None], visible)
        beyond = _mean(there, np.nan_to_num(seen), np.isfinite(seen))
        columns.append(beyond[np.arange(kg.num_nodes), part])
    rows = np.stack(columns, axis=1)
    return Channel(np.where(np.isfinite(rows), rows, usual[:, None]), np.ones(kg.num_nodes, dtype=bool))


def _along_relations(kg: KnowledgeGraph) -> Iterator[tuple[csr_array, csr_array]]:
    """For each frequent relation and direction, the matrix of the step there and of the step back."""
    frequent = np.argsort(-np.bincount(kg.etype, minlength=kg.num_relations), kind="stable")[:MOST_RELATIONS]
    for relation in np.sort(frequent):
        edges = kg.etype == relation
        forwards = edge_counts(kg.src[edges], kg.dst[edges], kg.num_nodes)
        backwards = forwards.T.tocsr()
        yield forwards, backwards
        yield backwards, forwards


def _mean(step: csr_array, values: Floats, weights: Floats) -> Floats:
    """Mean of the neighbours' values, (N,) or (N, c), weighted; nan where no neighbour has a weight."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = (step @ (values * weights)) / (step @ weights.astype(np.float64))
    return means


def _largest(step: csr_array, label: Floats, train: Ints) -> Floats:
    """(N,) the largest label among the neighbours; nan without any."""
    labelled, largest = step[:, train].tocsr(), np.full(step.shape[0], np.nan)
    has = np.diff(labelled.indptr) > 0
    if has.any():
        largest[has] = np.maximum.reduceat(label[train][labelled.indices], labelled.indptr[:-1][has])
    return largest
