"""What kind of thing each node is, and of which kinds no node was ever labelled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nie.arrays import Bools
from nie.data.graph import KnowledgeGraph
from nie.data.names_as_words import WIKIDATA_ID, name_in
from nie.data.node_roles import kinds_by_roles
from nie.errors import NieError, nearest, shown

TYPE_IRIS = (
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
    "http://www.wikidata.org/prop/direct/P31",
    "http://www.wikidata.org/entity/P31",
    "http://purl.org/dc/terms/type",
)
TYPE_NAMES = ("rdf:type", "a", "type", "has type", "node type", "entity type", "instance of", "instanceof", "p31",
              "wdt:p31", "is a", "isa")  # fmt: skip
"""Relations that lead to a node's type, by their IRI or by their name in small letters with blanks between words."""

SAYS_NOTHING = ("owl#Thing", "owl#NamedIndividual", "rdf-schema#Resource")
"""How the IRIs of types end that a node has beside the one that tells what it is."""


@dataclass(frozen=True, eq=False)
class NodeTypes:
    """The types of all nodes.

    Attributes:
        relation: name of the relation that leads to types; None where all types are read from the edges around a node.
        name: N readable types; of a node with several types, these with commas between them.
        extrapolated: (N,) True where no node of that type was ever labelled; with several types, of none of them.
    """

    relation: str | None
    name: list[str]
    extrapolated: Bools


def node_types(kg: KnowledgeGraph) -> NodeTypes:
    """Find the type of every node.

    The types of a node are the tails of its triples of the relation ``kg.meta["type_relation"]``, or where that is not
    set, of a relation that is usually called so (``rdf:type``, ``type``, ``instance of``, ``P31`` of Wikidata, ...). A
    type that all nodes with a type have is left out beside others, and so is ``owl:Thing``. Where there is no such
    relation, and for a node that it gives no type, the type is the kind of `nie.data.node_roles.kinds_by_roles`: nodes
    are of one kind if the same relations begin and end at them.

    Args:
        kg: the graph; its labels decide what is ``extrapolated``.

    Raises:
        NieError: ``type_relation`` is set to what is no relation of the graph.

    >>> kg = KnowledgeGraph("films", [0, 1, 2, 0], [3, 3, 4, 2], [0, 0, 0, 1], [5.0, 0, 0, 0, 0], [True] + 4 * [False],
    ...                     ["Alien", "Heat", "Ann", "Film", "Person"], ["type", "director"], 5 * [None])
    >>> types = node_types(kg)
    >>> types.relation, types.name[:3], types.extrapolated.tolist()
    ('type', ['Film', 'Film', 'Person'], [False, False, True, True, True])
    """
    relation = type_relation(kg)
    leading = None if relation is None else kg.relation_names.index(relation)
    kinds = kinds_by_roles(kg, without=leading)
    given = {} if leading is None else _given_types(kg, leading)
    known: set[str] = set().union(*(given.get(node, ()) for node in np.flatnonzero(kg.label_mask).tolist()))
    extrapolated = ~np.isin(kinds.of_node, kinds.of_node[kg.label_mask])
    name = [kinds.name[kind] for kind in kinds.of_node.tolist()]
    for node, types in given.items():
        name[node], extrapolated[node] = ", ".join(sorted(types)), known.isdisjoint(types)
    return NodeTypes(relation, name, extrapolated)


def type_relation(kg: KnowledgeGraph) -> str | None:
    """The relation of the graph that leads from a node to its type; None where none is known to do so.

    Raises:
        NieError: ``kg.meta["type_relation"]`` is no relation of the graph.

    >>> from nie.data.synthetic_graph import synthetic
    >>> type_relation(synthetic(0)) is None
    True
    """
    asked = kg.meta.get("type_relation")
    if asked is not None:
        if asked not in kg.relation_names:
            raise NieError(
                f"type_relation must be a relation of {kg.name}; got {shown(asked)}"
                f"{nearest(str(asked), kg.relation_names)}."
            )
        return str(asked)
    place = {name: rank for rank, name in enumerate((*TYPE_IRIS, *TYPE_NAMES))}
    found = [(place[name], relation) for relation in kg.relation_names if (name := _usual_name(relation)) in place]
    return min(found)[1] if found else None


def _usual_name(relation: str) -> str:
    """A relation as `TYPE_IRIS` and `TYPE_NAMES` write it."""
    bare = relation.removeprefix("<").removesuffix(">")
    return bare if "://" in bare else " ".join(re.split(r"[_\s-]+", bare.lower())).strip()


def _given_types(kg: KnowledgeGraph, relation: int) -> Mapping[int, set[str]]:
    """The readable types of each node that the relation gives any."""
    edges = kg.etype == relation
    heads, tails = kg.src[edges].tolist(), kg.dst[edges].tolist()
    readable = {node: _readable(kg, node) for node in set(tails)}
    types: dict[int, set[str]] = {}
    for head, tail in zip(heads, tails, strict=True):
        types.setdefault(head, set()).add(readable[tail])
    count = Counter(name for names in types.values() for name in names)
    idle = {name for name, number in count.items() if number == len(types)}
    idle |= {readable[node] for node in readable if kg.node_names[node].strip("<>").endswith(SAYS_NOTHING)}
    return {node: (names - idle) or names for node, names in types.items()}


def _readable(kg: KnowledgeGraph, node: int) -> str:
    """The last part of a type's IRI; of an id of Wikidata the first line of its text, where it has one."""
    name = kg.node_names[node]
    if "://" not in name and not WIKIDATA_ID.fullmatch(name):
        return name
    last = name.strip("<>").rstrip("/#").replace("#", "/").rpartition("/")[2]
    text = (kg.text[node] or "").strip()
    return name_in(name) or (text.splitlines()[0] if text and text != name else last)
