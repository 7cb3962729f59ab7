"""nie.data.pagerank."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from nie.data.graph import KnowledgeGraph
from nie.data.pagerank import pagerank
from nie.data.synthetic_graph import synthetic
from nie.errors import NieError


def graph(num_nodes: int, edges: list[tuple[int, int]]) -> KnowledgeGraph:
    src, dst = (np.array(ends, dtype=np.int64) for ends in (zip(*edges, strict=True) if edges else ([], [])))
    names = [str(node) for node in range(num_nodes)]
    return KnowledgeGraph(
        name="own",
        src=src,
        dst=dst,
        etype=np.zeros(len(edges), dtype=np.int64),
        labels=np.ones(num_nodes),
        label_mask=np.ones(num_nodes, dtype=bool),
        node_names=names,
        relation_names=["to"],
        text=names,
    )


def networkx_pagerank(kg: KnowledgeGraph, damping: float, weights: np.ndarray | None = None) -> np.ndarray:
    other = networkx.MultiDiGraph()
    other.add_nodes_from(range(kg.num_nodes))
    other.add_edges_from(zip(kg.src.tolist(), kg.dst.tolist(), strict=True))
    personalization = None if weights is None else dict(enumerate(weights.tolist()))
    rank = networkx.pagerank(other, alpha=damping, personalization=personalization, tol=1e-14, max_iter=2000)
    return np.array([rank[node] for node in range(kg.num_nodes)])


GRAPHS = pytest.mark.parametrize(
    "kg",
    [
        synthetic(seed=1),
        graph(6, [(0, 1), (0, 1), (0, 2), (1, 2), (2, 2), (3, 0)]),  # a double edge, a loop, two nodes without edges
        graph(4, []),
        graph(1, []),
    ],
    ids=["synthetic", "odd", "edgeless", "single"],
)


@pytest.mark.parametrize("damping", [0.0, 0.5, 0.85])
@GRAPHS
def test_pagerank_against_networkx(kg: KnowledgeGraph, damping: float) -> None:
    ours = pagerank(kg, damping=damping)
    np.testing.assert_allclose(ours, networkx_pagerank(kg, damping), rtol=0, atol=1e-8)
    assert ours.sum() == pytest.approx(1)
    assert (ours > 0).all()


@GRAPHS
def test_personalised_pagerank_against_networkx(kg: KnowledgeGraph) -> None:
    weights = np.random.default_rng(0).integers(0, 3, kg.num_nodes).astype(float)
    weights[-1] = 2.0
    ours = pagerank(kg, personalization=weights)
    np.testing.assert_allclose(ours, networkx_pagerank(kg, 0.85, weights), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours, pagerank(kg, personalization=7 * weights), rtol=0, atol=1e-12)
    assert ours.sum() == pytest.approx(1)


def test_pagerank_bad_input() -> None:
    kg = synthetic(seed=1)
    with pytest.raises(NieError, match=r"damping must be in \[0, 1\); got 1"):
        pagerank(kg, damping=1.0)
    with pytest.raises(NieError, match="did not converge in 3 iterations"):
        pagerank(kg, tol=0.0, max_iterations=3)
    for weights in (np.ones(3), -np.ones(kg.num_nodes), np.zeros(kg.num_nodes), np.full(kg.num_nodes, np.nan)):
        with pytest.raises(NieError, match="a weight of at least 0 for each of"):
            pagerank(kg, personalization=weights)


@pytest.mark.parametrize("damping", [0.85, 0.99, 0.9999])
def test_the_head_start_changes_nothing_but_the_time(damping: float, monkeypatch: pytest.MonkeyPatch) -> None:
    kg = synthetic(seed=1)
    fast = pagerank(kg, damping=damping)
    monkeypatch.setattr("nie.data.pagerank.bicgstab", lambda flow, restart, **_: (np.full_like(restart, np.nan), 1))
    slow = pagerank(kg, damping=damping, max_iterations=1_000_000)
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-8)
