"""nie.data.adjacency."""

from __future__ import annotations

import numpy as np

from nie.data.adjacency import adjacency, both_ways, edge_counts

SRC, DST = np.array([0, 0, 2, 1, 3, 2]), np.array([1, 1, 0, 0, 3, 1])  # parallel edges, an opposite one, and a loop


def test_against_a_loop_over_the_edges() -> None:
    counts = np.zeros((5, 5))
    for src, dst in zip(SRC, DST, strict=True):
        counts[src, dst] += src != dst
    np.testing.assert_array_equal(edge_counts(SRC, DST, 5).toarray(), counts)
    np.testing.assert_array_equal(adjacency(SRC, DST, 5).toarray(), counts > 0)
    np.testing.assert_array_equal(edge_counts(*both_ways(SRC, DST), 5).toarray(), counts + counts.T)
    np.testing.assert_array_equal(adjacency(*both_ways(SRC, DST), 5).toarray(), counts + counts.T > 0)


def test_without_edges() -> None:
    none = np.empty(0, dtype=np.int64)
    assert adjacency(*both_ways(none, none), 3).nnz == 0


def test_what_has_been_made_has_rows_in_order() -> None:
    joined = adjacency(*both_ways(SRC, DST), 5)
    assert joined.has_sorted_indices
    assert np.diff(joined.indptr).tolist() == [2, 2, 2, 0, 0]
