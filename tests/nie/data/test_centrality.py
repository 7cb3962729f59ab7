"""nie.data.centrality, against networkx."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import networkx
import numpy as np
import pytest

from nie.data import KnowledgeGraph, synthetic
from nie.data.centrality import betweenness, core_number, undirected


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """Sparse enough for cores to differ, with loops, parallel edges and nodes without any edge."""
    drawn = np.random.default_rng(0).integers(0, 90, (2, 170))
    src, dst = np.concatenate([drawn, drawn[:, :20], drawn[::-1, :20], np.full((2, 1), 5)], axis=1)
    return replace(synthetic(0, num_nodes=100), src=src, dst=dst, etype=np.zeros_like(src))


def reference(kg: KnowledgeGraph) -> networkx.Graph:
    graph = networkx.Graph()
    graph.add_nodes_from(range(kg.num_nodes))
    graph.add_edges_from((u, v) for u, v in zip(kg.src.tolist(), kg.dst.tolist(), strict=True) if u != v)
    return graph


def test_core_numbers(kg: KnowledgeGraph) -> None:
    expected = networkx.core_number(reference(kg))
    found = core_number(undirected(kg))
    assert found.tolist() == [expected[node] for node in range(kg.num_nodes)]
    assert len(set(found.tolist())) > 2


def test_betweenness_from_all_nodes_is_exact(kg: KnowledgeGraph) -> None:
    expected = networkx.betweenness_centrality(reference(kg), normalized=False)
    found = betweenness(undirected(kg), pivots=kg.num_nodes, steps=100)
    np.testing.assert_allclose(found, [2 * expected[node] for node in range(kg.num_nodes)], atol=1e-9)


def test_betweenness_from_some_nodes_is_near_and_the_same_each_time(kg: KnowledgeGraph) -> None:
    joined = undirected(kg)
    exact, sampled = betweenness(joined, pivots=100), betweenness(joined, pivots=60, seed=1)
    assert np.corrcoef(exact, sampled)[0, 1] > 0.9
    np.testing.assert_array_equal(sampled, betweenness(joined, pivots=60, seed=1))
    assert not np.array_equal(sampled, betweenness(joined, pivots=60, seed=2))


def test_a_new_node_leaves_the_betweenness_of_others_where_it_is() -> None:
    before = synthetic(0, num_nodes=1000)
    one, more = np.array([5]), before.num_nodes
    after = SimpleNamespace(num_nodes=more + 1, src=np.append(before.src, one), dst=np.append(before.dst, more))
    was = betweenness(undirected(before), pivots=50)
    anew = betweenness(undirected(after), pivots=50, among=more)[:-1]
    assert np.abs(np.log1p(anew) - np.log1p(was)).mean() < 0.01


def test_paths_beyond_the_bound_do_not_count() -> None:
    src = np.arange(19)
    path = replace(synthetic(0, num_nodes=20), src=src, dst=src + 1, etype=np.zeros_like(src))
    found = betweenness(undirected(path), pivots=20, steps=2)
    assert found.tolist() == [0, *[2.0] * 18, 0]


def test_a_graph_without_edges() -> None:
    none = np.empty(0, dtype=np.int64)
    joined = undirected(replace(synthetic(0), src=none, dst=none, etype=none))
    assert not core_number(joined).any()
    assert not betweenness(joined).any()
