"""nie.data.components."""

from __future__ import annotations

import numpy as np
import pytest

from nie.data.components import components
from nie.data.synthetic_graph import synthetic


@pytest.mark.parametrize("strong", [False, True])
def test_components_are_those_of_networkx(strong: bool) -> None:
    networkx = pytest.importorskip("networkx")
    kg = synthetic(0)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(kg.num_nodes))
    kept = np.arange(0, kg.num_edges, 9)  # so few edges that the graph falls apart
    graph.add_edges_from(zip(kg.src[kept].tolist(), kg.dst[kept].tolist(), strict=True))
    thin = type("Thin", (), {"num_nodes": kg.num_nodes, "src": kg.src[kept], "dst": kg.dst[kept]})
    found = components(thin, strong=strong)
    search = networkx.strongly_connected_components if strong else networkx.weakly_connected_components
    expected = {frozenset(nodes) for nodes in search(graph)}
    assert len(expected) > 2
    assert {frozenset(np.flatnonzero(found == number).tolist()) for number in set(found.tolist())} == expected
