"""Who is joined to whom, as sparse matrices of which a product with features sums over neighbours."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np

from nie.arrays import Ints

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def edge_counts(nodes: Ints, others: Ints, num_nodes: int) -> csr_array:
    """(N, N) how many edges lead from each of ``nodes`` to the one beside it in ``others``; none is its own neighbour.

    Args:
        nodes: (E,) ids; those of the rows.
        others: (E,) ids; those of the columns.
        num_nodes: N.

    >>> edge_counts(np.array([0, 0, 1]), np.array([1, 1, 1]), 2).toarray()
    array([[0., 2.],
           [0., 0.]])
    """
    sparse = importlib.import_module("scipy.sparse")  # here, because features are also named where nothing is computed
    apart = nodes != others
    ends = nodes[apart], others[apart]
    counts: csr_array = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(num_nodes, num_nodes)).tocsr()
    return counts


def adjacency(nodes: Ints, others: Ints, num_nodes: int) -> csr_array:
    """(N, N) with 1 where `edge_counts` has any: a neighbour counts once, however many edges join the two.

    >>> adjacency(np.array([0, 0, 1]), np.array([1, 1, 1]), 2).toarray()
    array([[0., 1.],
           [0., 0.]])
    """
    joined = edge_counts(nodes, others, num_nodes)
    joined.data[:] = 1
    return joined


def both_ways(src: Ints, dst: Ints) -> tuple[Ints, Ints]:
    """(2 E,) twice: every edge and its reverse, for neighbours whatever the direction of the edges.

    >>> adjacency(*both_ways(np.array([0, 2]), np.array([1, 1])), 3).toarray()
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]])
    """
    return np.concatenate([src, dst]), np.concatenate([dst, src])
