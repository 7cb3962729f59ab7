"""nie.data.graph_change."""

from __future__ import annotations

import numpy as np
import pytest

from nie.data import KnowledgeGraph, synthetic
from nie.data.graph_change import GraphChange, NewNode, among


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return synthetic(0)


def test_a_fact_goes_with_its_repetitions_and_all_else_stays(kg: KnowledgeGraph) -> None:
    triples, counts = np.unique(kg.triples, axis=0, return_counts=True)
    repeated = triples[counts > 1][:1]
    assert len(repeated) == 1
    after = GraphChange(kg, removed=repeated).after
    gone = (kg.triples == repeated).all(axis=1)
    assert gone.sum() > 1
    assert after.triples.tolist() == kg.triples[~gone].tolist()
    assert after.node_names == kg.node_names
    assert np.array_equal(after.labels, kg.labels, equal_nan=True)


def test_a_graph_without_a_change_is_the_graph(kg: KnowledgeGraph) -> None:
    change = GraphChange(kg)
    assert change.after.digest == kg.digest
    assert change.after.text_digest == kg.text_digest
    assert len(change.named) == len(change.new) == 0


def test_new_nodes_have_names_texts_and_facts_and_no_label(kg: KnowledgeGraph) -> None:
    added = np.array([[300, 0, 5], [7, 1, 301]])
    change = GraphChange(kg, added=added, nodes=[NewNode("first", "A legendary thing."), NewNode("second", None)])
    after = change.after
    assert list(after.node_names[300:]) == ["first", "second"]
    assert list(after.text[300:]) == ["A legendary thing.", None]
    assert not after.label_mask[300:].any()
    assert after.triples[-2:].tolist() == added.tolist()
    assert change.named.tolist() == [5, 7]


def test_the_part_around_nodes_has_all_their_facts_and_no_others(kg: KnowledgeGraph) -> None:
    change, nodes = GraphChange(kg), np.array([40, 3])
    part = change.around(nodes)
    names = {tuple(kg.node_names[node] for node in (head, tail)) for head, _, tail in kg.triples[touching(kg, nodes)]}
    assert {(part.node_names[head], part.node_names[tail]) for head, _, tail in part.triples} == names
    assert list(part.node_names[:2]) == ["node 40", "node 3"]
    assert list(part.text[:2]) == [kg.text[40], kg.text[3]]
    assert not any(part.text[2:])
    assert part.num_edges == touching(kg, nodes).sum()


def touching(kg: KnowledgeGraph, nodes: np.ndarray) -> np.ndarray:
    return np.isin(kg.src, nodes) | np.isin(kg.dst, nodes)


def test_facts_are_found_among_others_as_a_loop_finds_them(kg: KnowledgeGraph) -> None:
    draw = np.random.default_rng(0)
    facts = np.concatenate([kg.triples[draw.integers(0, kg.num_edges, 50)], draw.integers(0, 3, (20, 3))])
    slow = [tuple(triple) in set(map(tuple, facts.tolist())) for triple in kg.triples.tolist()]
    assert among(kg.triples, facts).tolist() == slow
    assert not among(kg.triples, facts[:0]).any()
    assert not among(kg.triples[:, [1, 1, 2]] + 300, kg.triples).any()
