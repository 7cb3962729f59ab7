"""The training labels around a node as its features.

Labels are those of training nodes only, and a training node never contributes to its own row: otherwise a method would
learn to copy a label that no other node has beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from nie.arrays import Floats, Ints
from nie.data import Channel, KnowledgeGraph
from nie.data.adjacency import both_ways, edge_counts

PARTS = 5
"""Of the training nodes: labels two steps away of a node in one part are read from the others."""
MOST_RELATIONS = 32
"""Relations that have columns of their own, the most frequent ones."""


@dataclass(frozen=True, eq=False)
class TrainingLabels:
    """The training labels as the nodes of a graph see them around them.

    Attributes:
        label: (N,) of the training nodes; 0 for all others.
        part: (N,) the part of a training node; `PARTS` for all others, which see every label.
        usual: (PARTS + 1,) the mean label that stands where a node of a part sees none.
        relations: those that have columns of their own.
    """

    label: Floats
    part: Ints
    usual: Floats
    relations: Ints

    @classmethod
    def of(cls, kg: KnowledgeGraph, targets: Floats, train: Ints, seed: int) -> TrainingLabels:
        """Deal the training nodes into parts; see `neighbour_labels` for the arguments."""
        label, part = np.zeros(kg.num_nodes), np.full(kg.num_nodes, PARTS)
        label[train] = targets[train]
        part[train] = np.random.default_rng(seed).permutation(len(train)) % PARTS
        visible = (part < PARTS)[:, None] * (part[:, None] != np.arange(PARTS + 1))
        usual = label @ visible / np.maximum(visible.sum(axis=0), 1)
        return cls(label, part, usual, _frequent(kg))

    def of_nodes(self, nodes: Ints) -> TrainingLabels:
        """The same of nodes by number, such as those of a part of the graph; -1 stands for a node without label."""
        known = nodes >= 0
        label, part = np.where(known, self.label[nodes], 0), np.where(known, self.part[nodes], PARTS)
        return TrainingLabels(label, part, self.usual, self.relations)

    def around(self, kg: KnowledgeGraph) -> Channel:
        """See `neighbour_labels`; ``kg`` may be the graph with other edges."""
        return _around(self, kg)


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
    return TrainingLabels.of(kg, targets, train, seed).around(kg)


def _around(labels: TrainingLabels, kg: KnowledgeGraph) -> Channel:
    label, part, usual = labels.label, labels.part, labels.usual[labels.part]
    known = (part < PARTS).astype(np.float64)
    visible = known[:, None] * (part[:, None] != np.arange(PARTS + 1))  # (N, PARTS + 1): the labels seen from a part

    between = edge_counts(*both_ways(kg.src, kg.dst), kg.num_nodes)
    degree = np.asarray(between.sum(axis=1)).ravel()
    mean, square = (_mean(between, values, known) for values in (label, label**2))
    columns = [
        mean,
        np.log1p(between @ known),
        np.nan_to_num(np.sqrt(np.maximum(square - mean**2, 0))),
        _largest(between, label, np.flatnonzero(known)),
        _mean(between, label, known * degree),
    ]
    for there, back in [(between, between), *_along_relations(kg, labels.relations)]:
        seen = _mean(back, label[:, None], visible)
        beyond = _mean(there, np.nan_to_num(seen), np.isfinite(seen))
        columns.append(beyond[np.arange(kg.num_nodes), part])
    rows = np.stack(columns, axis=1)
    return Channel(np.where(np.isfinite(rows), rows, usual[:, None]), np.ones(kg.num_nodes, dtype=bool))


def _frequent(kg: KnowledgeGraph) -> Ints:
    """The most frequent relations, by number."""
    by_count = np.argsort(-np.bincount(kg.etype, minlength=kg.num_relations), kind="stable")
    return np.asarray(np.sort(by_count[:MOST_RELATIONS]))


def _along_relations(kg: KnowledgeGraph, relations: Ints) -> Iterator[tuple[csr_array, csr_array]]:
    """For each of the relations and direction, the matrix of the step there and of the step back."""
    for relation in relations:
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
