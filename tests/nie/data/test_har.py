"""nie.data.har."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nie.data.har import har_scores
from nie.data.synthetic_graph import synthetic
from nie.errors import NieError


def graph(nodes: int, relations: int, edges: list[tuple[int, int, int]]) -> Any:
    src, dst, etype = np.array(edges, dtype=np.int64).reshape(-1, 3).T
    return SimpleNamespace(num_nodes=nodes, num_relations=relations, src=src, dst=dst, etype=etype)


def slow(kg: Any, query: np.ndarray, restart: float, restart_relations: float, steps: int) -> list[np.ndarray]:
    """The walks of the paper on the whole tensor, whose columns without an edge go anywhere."""
    nodes, relations = kg.num_nodes, kg.num_relations
    tensor = np.zeros((nodes, nodes, relations))
    for head, tail, relation in zip(kg.src, kg.dst, kg.etype, strict=True):
        tensor[head, tail, relation] += 1

    def transition(axis: int) -> np.ndarray:
        total = tensor.sum(axis=axis, keepdims=True)
        return np.where(total > 0, tensor / np.where(total > 0, total, 1), 1 / tensor.shape[axis])

    to_head, to_tail, to_relation = (transition(axis) for axis in range(3))
    query = query / query.sum()
    hub, authority, relevance = query, query, np.full(relations, 1 / relations)
    for _ in range(steps):
        hub = (1 - restart) * np.einsum("har,a,r->h", to_head, authority, relevance) + restart * query
        authority = (1 - restart) * np.einsum("har,h,r->a", to_tail, hub, relevance) + restart * query
        walked = np.einsum("har,h,a->r", to_relation, hub, authority)
        relevance = (1 - restart_relations) * walked + restart_relations / relations
        hub, authority, relevance = (each / each.sum() for each in (hub, authority, relevance))  # rounding would grow
    return [hub, authority, relevance]


def thinned() -> Any:
    kg = synthetic(0)
    near = (kg.src < 40) & (kg.dst < 40)
    edges = np.stack([kg.src, kg.dst, kg.etype], axis=1)[near].tolist()
    return graph(40, kg.num_relations, edges)


GRAPHS = {
    "synthetic": thinned(),
    "odd": graph(5, 3, [(0, 1, 0), (0, 1, 0), (0, 1, 1), (1, 2, 0), (2, 2, 1), (3, 0, 0)]),
    "no edges": graph(4, 2, []),
}


@pytest.mark.parametrize(("restart", "restart_relations"), [(0.15, 0.0), (0.5, 0.2)])
@pytest.mark.parametrize("kg", GRAPHS.values(), ids=GRAPHS)
def test_scores_are_those_of_the_whole_tensor(kg: Any, restart: float, restart_relations: float) -> None:
    query = np.arange(kg.num_nodes, dtype=np.float64)
    found = har_scores(kg, query=query, restart=restart, restart_relations=restart_relations)
    for ours, theirs in zip(found, slow(kg, query, restart, restart_relations, 400), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
        assert ours.sum() == pytest.approx(1)
        assert ours.min() >= 0


def test_a_graph_without_relations_is_where_it_restarts() -> None:
    scores = har_scores(graph(2, 0, []), query=np.array([1.0, 0.0]))
    np.testing.assert_allclose(scores.hub, [0.15 + 0.425, 0.425])
    assert scores.relevance.shape == (0,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"restart": 1.0}, r"restart must be in \[0, 1\)"),
        ({"restart_relations": -0.1}, "restart_relations must be in"),
        ({"query": np.zeros(5)}, "one above 0"),
        ({"query": np.ones(4)}, "each of 5 nodes"),
        ({"max_iterations": 1}, "did not converge in 1 iterations"),
    ],
)
def test_what_cannot_be_computed_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        har_scores(GRAPHS["odd"], **changes)
