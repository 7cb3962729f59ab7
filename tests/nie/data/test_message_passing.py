from __future__ import annotations

import itertools

import pytest
import torch

from nie.data import KnowledgeGraph, message_graph, synthetic


def reference_edges(kg: KnowledgeGraph, inverse: bool, loops: bool) -> list[tuple[int, int, int]]:
    edges = [(int(u), int(v), int(r)) for u, v, r in zip(kg.src, kg.dst, kg.etype, strict=True)]
    relations = kg.num_relations
    if inverse:
        edges += [(v, u, r + kg.num_relations) for u, v, r in edges]
        relations *= 2
    if loops:
        edges += [(v, v, relations) for v in range(kg.num_nodes)]
    return sorted(edges, key=lambda edge: (edge[1], edge[0]))


@pytest.mark.parametrize(("inverse", "loops"), [*itertools.product([False, True], repeat=2)])
def test_edges_match_the_loop(inverse: bool, loops: bool) -> None:
    kg = synthetic(1, num_nodes=40)
    messages = message_graph(kg, inverse_relations=inverse, self_loops=loops)
    src, dst = messages.graph.edges(order="eid")
    expected = reference_edges(kg, inverse, loops)
    assert list(zip(src.tolist(), dst.tolist(), messages.etype.tolist(), strict=True)) == expected
    assert messages.num_relations == kg.num_relations * (2 if inverse else 1) + loops
    assert messages.graph.num_nodes() == kg.num_nodes
    assert messages.graph.idtype == messages.etype.dtype == torch.int64
    assert set(messages.graph.formats()["created"]) >= {"csr", "csc"}


def test_nodes_without_edges_stay() -> None:
    kg = KnowledgeGraph("bare", [], [], [], [1.0], [True], ["a"], [], [None])  # type: ignore[arg-type]
    assert message_graph(kg).graph.num_edges() == 1
    assert message_graph(kg, self_loops=False).graph.num_edges() == 0


def test_etype_is_its_own_memory() -> None:
    kg = synthetic(0)
    messages = message_graph(kg)
    messages.etype[0] = 0
    assert kg.etype.flags.writeable is False
