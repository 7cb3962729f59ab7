"""What stands around a node as features: those of its neighbours, put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nie.arrays import Array, Floats32, Ints
from nie.data import Channel, KnowledgeGraph
from nie.data.adjacency import adjacency
from nie.errors import NieError
from nie.settings.sections import NEIGHBOURS

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NARROW = 32
"""Columns of a feature up to which the largest and the smallest value among the neighbours are told, too."""
AT_ONCE = 64
"""Columns that are summed in one sparse product, which bounds its memory."""


def neighbours(kg: KnowledgeGraph, features: tuple[Channel, ...]) -> Channel:
    """The features of the nodes on the in-edges and on the out-edges of each node, as their mean, maximum and minimum.

    For each feature and direction there are the means of its columns, and, where it has at most `NARROW` columns, their
    largest and smallest values: (N, 2 d) or (N, 6 d). A neighbour counts once in each direction, however many edges
    join the two, and only where it has the feature. A node is no neighbour of its own. One without such neighbours has
    zeros there, and one without any neighbour has mask False.

    Args:
        kg: the graph; only its edges are read.
        features: of its nodes, such as those of one channel.

    Raises:
        NieError: there are no features.

    >>> kg = KnowledgeGraph("g", [0, 1], [2, 2], [0, 0], 3 * [0.0], 3 * [False], list("abc"), ["r"], 3 * [None])
    >>> around = neighbours(kg, (Channel(np.array([[1.0], [3.0], [8.0]]), np.ones(3, bool)),))
    >>> around.features.tolist()  # of in-edges mean, largest, smallest; then of out-edges
    [[0.0, 0.0, 0.0, 8.0, 8.0, 8.0], [0.0, 0.0, 0.0, 8.0, 8.0, 8.0], [2.0, 3.0, 1.0, 0.0, 0.0, 0.0]]
    """
    if not features:
        raise NieError(
            f"The feature {NEIGHBOURS} puts together the features beside it in its channel, and there is none; name "
            f"one, such as node2vec+{NEIGHBOURS}."
        )
    columns = [
        column
        for ends in ((kg.dst, kg.src), (kg.src, kg.dst))
        for feature in features
        for column in _around(_step(kg.num_nodes, *ends, feature), feature.features)
    ]
    has = np.zeros(kg.num_nodes, dtype=bool)
    has[np.concatenate([kg.src, kg.dst])[np.tile(kg.src != kg.dst, 2)]] = True
    return Channel(np.concatenate(columns, axis=1), has)


def _step(num_nodes: int, nodes: Ints, others: Ints, feature: Channel) -> csr_array:
    """(N, N) with 1 where a node has a neighbour with the feature."""
    known = feature.mask[others]
    return adjacency(nodes[known], others[known], num_nodes)


def _around(step: csr_array, rows: Floats32) -> Iterator[Floats32]:
    count = np.diff(step.indptr)
    means = np.empty((len(count), rows.shape[1]), dtype=np.float32)
    for first in range(0, rows.shape[1], AT_ONCE):
        part = slice(first, first + AT_ONCE)
        means[:, part] = (step @ rows[:, part].astype(np.float64)) / np.maximum(count, 1)[:, None]
    yield means
    if rows.shape[1] <= NARROW:
        for extreme in (np.maximum, np.minimum):
            yield _extremes(extreme, step, rows)


def _extremes(extreme: np.ufunc, step: csr_array, rows: Floats32) -> Array:
    """(N, d) the largest or smallest value of every column among the neighbours; 0 without any."""
    made, has = np.zeros((step.shape[0], rows.shape[1]), dtype=np.float32), np.diff(step.indptr) > 0
    starts = step.indptr[:-1][has]
    for column in range(rows.shape[1]) if len(starts) else ():
        made[has, column] = extreme.reduceat(rows[step.indices, column], starts)
    return made
