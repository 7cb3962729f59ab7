"""nie.data.node_features.centrality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nie.data import synthetic
from nie.data.centrality import betweenness, core_number, undirected
from nie.data.node_features.centrality import centrality
from nie.data.node_features.degrees import degree_features
from nie.data.pagerank import pagerank


def test_the_columns_are_what_they_are_called() -> None:
    kg = synthetic(0)
    rows, joined = centrality(kg, pivots=40, seed=3).features, undirected(kg)
    np.testing.assert_array_equal(rows[:, :2], degree_features(kg).features)
    np.testing.assert_allclose(rows[:, 2], np.log(kg.num_nodes * pagerank(kg)), atol=1e-6)
    np.testing.assert_allclose(rows[:, 3], np.log1p(core_number(joined)), atol=1e-6)
    np.testing.assert_allclose(rows[:, 4], np.log1p(betweenness(joined, pivots=40, seed=3)), rtol=1e-6)


def test_a_graph_without_edges() -> None:
    none = np.empty(0, dtype=np.int64)
    rows = centrality(replace(synthetic(0), src=none, dst=none, etype=none)).features
    np.testing.assert_allclose(rows, 0, atol=1e-6)
