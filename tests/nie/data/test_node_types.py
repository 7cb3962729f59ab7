"""nie.data.node_types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nie.data import KnowledgeGraph, synthetic
from nie.data.node_types import NodeTypes, node_types, type_relation
from nie.errors import NieError

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


def graph(
    rows: list[tuple[str, str, str]], labelled: str = "", text: Mapping[str, str] | None = None, **meta: Any
) -> KnowledgeGraph:
    """A graph of triples; ``labelled`` names the nodes with a label."""
    nodes = list(dict.fromkeys(name for head, _, tail in rows for name in (head, tail)))
    relations = list(dict.fromkeys(relation for _, relation, _ in rows))
    src, etype, dst = (
        [names.index(row[place]) for row in rows] for place, names in enumerate((nodes, relations, nodes))
    )
    mask = np.isin(nodes, labelled.split())
    return KnowledgeGraph(
        "small", src, dst, etype, np.where(mask, 1.0, np.nan), mask, nodes, relations,
        [(text or {}).get(node, node) for node in nodes], meta=meta,
    )  # fmt: skip


def found(kg: KnowledgeGraph) -> tuple[dict[str, str], set[str], NodeTypes]:
    types = node_types(kg)
    names = dict(zip(kg.node_names, types.name, strict=True))
    return names, {kg.node_names[node] for node in np.flatnonzero(types.extrapolated)}, types


@pytest.mark.parametrize(
    "relation",
    [f"<{RDF_TYPE}>", RDF_TYPE, "rdf:type", "a", "type", "Instance of", "instance_of", "P31", "is-a", "wdt:P31",
     "<http://www.wikidata.org/prop/direct/P31>"],
)  # fmt: skip
def test_a_usual_relation_leads_to_types(relation: str) -> None:
    kg = graph([("x", "likes", "y"), ("x", relation, "Film"), ("y", relation, "Person")], "x")
    names, extrapolated, types = found(kg)
    assert (names["x"], names["y"], types.relation) == ("Film", "Person", relation)
    assert extrapolated == {"y", "Film", "Person"}


def test_the_relation_that_is_asked_for_comes_first() -> None:
    kg = graph([("x", "type", "Thing"), ("x", "genre", "Drama"), ("y", "genre", "Noir")], "x", type_relation="genre")
    names, extrapolated, _ = found(kg)
    assert names["x"] == "Drama"
    assert "y" in extrapolated


def test_another_relation_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(NieError, match=r"type_relation must be a relation of small; got 'genres' .*'genre'"):
        type_relation(graph([("x", "genre", "Drama")], type_relation="genres"))


def test_a_relation_that_only_sounds_like_it_is_none() -> None:
    assert type_relation(graph([("x", "blood type", "A"), ("x", "http://x.org/type", "B")])) is None


def test_of_several_types_one_labelled_is_enough() -> None:
    rows = [("x", "type", "Actor"), ("x", "type", "Person"), ("y", "type", "Person"), ("z", "type", "Film")]
    names, extrapolated, _ = found(graph(rows, "x"))
    assert names["x"] == "Actor, Person"
    assert extrapolated == {"z", "Film", "Actor", "Person"}


def test_a_type_that_everything_has_tells_nothing() -> None:
    rows = [("x", "type", "Film"), ("y", "type", "Person"), ("z", "type", "http://www.w3.org/2002/07/owl#Thing"),
            *((node, "type", "Entity") for node in "xyz")]  # fmt: skip
    names, extrapolated, _ = found(graph(rows, "x"))
    assert (names["x"], names["y"], names["z"]) == ("Film", "Person", "Entity, Thing")
    assert {"y", "z"} <= extrapolated


def test_a_type_is_read_from_its_iri_and_an_id_from_its_text() -> None:
    rows = [("x", "P31", "http://www.wikidata.org/entity/Q5"), ("y", "P31", "<http://dbpedia.org/ontology/Film_Award>"),
            ("z", "P31", "Q6")]  # fmt: skip
    names, _, _ = found(graph(rows, text={"http://www.wikidata.org/entity/Q5": "human\nmore"}))
    assert (names["x"], names["y"], names["z"]) == ("human", "Film Award", "Q6")


def test_a_node_without_type_is_known_by_its_relations() -> None:
    rows = [
        row for i in range(4) for row in ((f"p{i}", "type", "Paper"), (f"p{i}", "by", "ann"), (f"p{i}", "on", "ai"))
    ]
    rows += [("untyped", "by", "bob"), ("untyped", "on", "ai")]
    names, extrapolated, _ = found(graph(rows, "p0 p1"))
    assert names["untyped"] == "head of by, on"
    assert extrapolated == {"ann", "bob", "ai", "Paper"}


def test_without_a_type_relation_a_domain_without_labels_is_extrapolated() -> None:
    rows = [(f"p{i}", relation, tail) for i in range(5) for relation, tail in (("by", "ann"), ("in", "venue"))]
    _, extrapolated, types = found(graph(rows, "p0"))
    assert types.relation is None
    assert extrapolated == {"ann", "venue"}


def test_the_synthetic_graph_is_of_one_kind() -> None:
    types = node_types(synthetic(0))
    assert len(set(types.name)) == 1
    assert not types.extrapolated.any()


def test_where_nothing_is_labelled_all_is_extrapolated() -> None:
    kg = synthetic(0)
    assert node_types(replace(kg, label_mask=np.zeros(kg.num_nodes, bool))).extrapolated.all()


def test_a_kind_that_may_have_no_label_by_accident_is_not_extrapolated() -> None:
    """A twentieth of the nodes is labelled; ten more have edges of another mix of relations."""
    rows = [(f"n{i}", relation, f"n{(i + 1) % 200}") for i in range(200) for relation in ("cites", "likes")]
    rows += [
        (f"few{i}", relation, "end") for i in range(10) for relation in ("cites", "knows", "sees", "hears", "feels")
    ]
    few = {f"few{i}" for i in range(10)}
    _, extrapolated, _ = found(graph(rows, " ".join(f"n{i}" for i in range(0, 200, 20))))
    assert not few & extrapolated
    _, extrapolated, _ = found(graph(rows, " ".join(f"n{i}" for i in range(200))))
    assert few <= extrapolated
