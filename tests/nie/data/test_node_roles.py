"""nie.data.node_roles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nie.data import KnowledgeGraph, synthetic
from nie.data.node_roles import ALONE, MOST_KINDS, kinds_by_roles


def graph(*triples: str, alone: int = 0) -> KnowledgeGraph:
    """A graph of triples such as "a knows b", with further nodes that have no edge."""
    rows = [triple.split() for triple in triples]
    nodes = [*dict.fromkeys(name for head, _, tail in rows for name in (head, tail)), *(f"x{i}" for i in range(alone))]
    relations = list(dict.fromkeys(relation for _, relation, _ in rows))
    src, etype, dst = (
        [names.index(row[place]) for row in rows] for place, names in enumerate((nodes, relations, nodes))
    )
    count = len(nodes)
    return KnowledgeGraph("small", src, dst, etype, np.full(count, np.nan), [False] * count, nodes, relations, nodes)


def named(kg: KnowledgeGraph) -> dict[str, str]:
    kinds = kinds_by_roles(kg)
    return {name: kinds.name[kind] for name, kind in zip(kg.node_names, kinds.of_node, strict=True)}


FILMS = [f"f{i} by d{i % 3}" for i in range(9)] + [f"f{i} in c{i % 2}" for i in range(9)]


def test_films_people_and_countries_are_three_kinds() -> None:
    names = named(graph(*FILMS))
    assert set(names.values()) == {"head of by, in", "tail of by", "tail of in"}
    assert names["f0"] == "head of by, in"


def test_a_node_of_which_little_is_known_is_of_the_kind_that_has_its_roles() -> None:
    names = named(graph(*FILMS, "f9 by d0", "f10 in c1"))
    assert names["f9"] == names["f10"] == names["f0"]


def test_one_odd_node_does_not_make_two_kinds_one() -> None:
    many = [triple for i in range(200) for triple in (f"m{i} by d{i % 3}", f"m{i} in c0")]
    odd = named(graph(*FILMS, *many, "d0 in c0", "d0 by d1", "f1 by f0", "f2 in f0"))
    assert odd["d2"] == "tail of by"
    assert odd["m1"] == "head of by, in"


def test_nodes_without_edges_are_a_kind_of_their_own() -> None:
    assert named(graph(*FILMS, alone=2))["x1"] == ALONE


def test_a_relation_and_its_reverse_say_the_same() -> None:
    forward = graph(*FILMS)
    both = graph(*FILMS, *(f"{tail} {relation}_inverse {head}" for head, relation, tail in map(str.split, FILMS)))
    assert named(both) == named(forward)


def test_labels_and_the_order_of_edges_play_no_part() -> None:
    kg = synthetic(0)
    order = np.random.default_rng(0).permutation(kg.num_edges)
    other = replace(kg, src=kg.src[order], dst=kg.dst[order], etype=kg.etype[order], label_mask=~kg.label_mask,
                    labels=np.ones(kg.num_nodes))  # fmt: skip
    assert np.array_equal(kinds_by_roles(kg).of_node, kinds_by_roles(other).of_node)


def test_a_graph_of_many_relations_has_a_bounded_number_of_kinds() -> None:
    kg = graph(*(f"a{i} r{i} b{i}" for i in range(MOST_KINDS)))
    kinds = kinds_by_roles(kg)
    assert len(kinds.name) == len(set(kinds.name)) == MOST_KINDS
    assert kinds.of_node.max() < MOST_KINDS


def test_kinds_whose_telling_roles_are_equal_in_words_have_different_names() -> None:
    kinds = kinds_by_roles(graph("a http://x.org/by b", "c http://y.org/by d", "e /film/film/by f"))
    assert len(set(kinds.name)) == len(kinds.name) == 6
    assert {"head of by", "tail of by"} <= set(kinds.name)


def test_few_nodes_with_a_role_in_common_are_no_kind_of_their_own() -> None:
    """Of thirty relations at random, nearly every node has a set of its own; what shares nothing stays apart."""
    draw = np.random.default_rng(0)
    src, dst = draw.integers(0, 100, (2, 300))
    kg = KnowledgeGraph(
        "many", [*src, 0], [*dst, 100], [*draw.integers(0, 30, 300), 30], [0.0] * 101, [i % 2 == 0 for i in range(101)],
        [f"n{i}" for i in range(101)], [f"r{i}" for i in range(31)], [None] * 101,
    )  # fmt: skip
    kinds = kinds_by_roles(kg)
    sizes = np.bincount(kinds.of_node)
    assert len(sizes) == len(kinds.name)
    assert sizes[kinds.of_node[100]] == 1
    unlabelled = kinds_by_roles(replace(kg, label_mask=np.zeros(101, bool)))
    assert len(unlabelled.name) > 2 * len(kinds.name)  # where nothing is labelled, nothing is an accident
