"""The fields of a graph of one's own from a directed graph of networkx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from nie.arguments import of_kind
from nie.data.builders.frame import Frame
from nie.data.builders.from_frames import fields_of_frames
from nie.data.builders.own_graph import ONLY_RELATION
from nie.errors import NieError, shown

SCORES = "importance"


def fields_of_networkx(
    name: str, graph: Any, *, scores: str | Mapping[Any, float] | None = SCORES, relation: str = "relation",
    text: str = "text", **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """The arguments of `nie.KnowledgeGraph`; ``options`` are those of `fields_of_frames`."""
    if not all(hasattr(graph, each) for each in ("is_directed", "is_multigraph", "edges", "nodes")):
        raise NieError(f"The graph must be a DiGraph or a MultiDiGraph of networkx; got {shown(graph)}.")
    if not graph.is_directed():
        raise NieError(
            "The graph must be directed, as a triple has a head and a tail; give graph.to_directed(), which has each "
            "edge in both directions."
        )
    of_kind("relation", relation, str, "the name of an attribute of edges")
    of_kind("text", text, str, "the name of an attribute of nodes")
    heads, relations, tails = [], [], []
    for head, tail, *key, data in graph.edges(data=True, **({"keys": True} if graph.is_multigraph() else {})):
        heads.append(head)
        tails.append(tail)
        relations.append(data.get(relation, key[0] if key and isinstance(key[0], str) else None))
    if all(each is None for each in relations):
        relations = [ONLY_RELATION] * len(heads)
    if None in relations:
        edge = relations.index(None)
        raise NieError(
            f"Every edge must have the attribute {shown(relation)}, or none; the edge from {shown(heads[edge])} to "
            f"{shown(tails[edge])} has none."
        )
    names = dict(zip(graph.nodes, _distinct_names(graph), strict=True))
    texts = {node: data[text] for node, data in graph.nodes(data=True) if text in data}
    return fields_of_frames(
        name, {"head": heads, "relation": relations, "tail": tails}, _scores(graph, scores), text=texts or None,
        more_nodes=[names[node] for node, degree in graph.degree() if degree == 0], **options,
    )  # fmt: skip


def _distinct_names(graph: Any) -> list[str]:
    """The name of each node; 1 and "1" are two nodes in networkx."""
    names = [name.strip() for name in Frame("nodes", {"node": [*graph.nodes]}).names(0)]
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise NieError(f"Two nodes are called {shown(twice)}; give each node a name of its own.")
    return names


def _scores(graph: Any, scores: str | Mapping[Any, float] | None) -> Mapping[Any, Any] | None:
    if not isinstance(scores, str):
        return scores
    known = {node: data[scores] for node, data in graph.nodes(data=True) if scores in data}
    if not known and scores != SCORES:
        raise NieError(f"No node has the attribute {shown(scores)}, which is to be its score.")
    return known or None
