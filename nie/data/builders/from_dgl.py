"""The fields of a graph of one's own from a graph of DGL, which is used by what it can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nie.arrays import Array
from nie.data.builders.typed_graph import Edges, TypedGraph, as_array, by_relation
from nie.errors import NieError, shown

ETYPE = "_TYPE"
"""Where `dgl.to_homogeneous` keeps the type of an edge."""


def fields_of_dgl(
    name: str, graph: Any, scores: str | Mapping[str, float] | None = None, *, relation: str | None = None,
    node_names: Any = None, relation_names: Sequence[str] | None = None, text: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The arguments of `nie.KnowledgeGraph`."""
    if not hasattr(graph, "canonical_etypes") or not hasattr(graph, "all_edges"):
        raise NieError(f"The graph must be one of DGL; got {shown(graph)}.")
    sizes = {kind: int(graph.num_nodes(kind)) for kind in graph.ntypes}
    data = {kind: _arrays(graph.nodes[kind].data) for kind in graph.ntypes}
    ends = {
        triple: tuple(np.asarray(ids.cpu()) for ids in graph.all_edges(etype=triple, order="eid"))
        for triple in graph.canonical_etypes
    }
    if len(sizes) == len(ends) == 1:
        (kind,), ((heads, tails),) = sizes, ends.values()
        known = _arrays(graph.edata)
        if relation is not None and relation not in known:
            raise NieError(f"The edges have no {shown(relation)}; known are {', '.join(known) or 'none'}.")
        edges = by_relation(known.get(relation or ETYPE), relation_names, kind, heads, tails)
    else:
        edges = [
            Edges(":".join((head, said, tail)), head, heads, tail, tails)
            for (head, said, tail), (heads, tails) in ends.items()
        ]
    return TypedGraph("The graph of DGL", sizes, edges, data).fields(name, scores, node_names, text)


def _arrays(frame: Any) -> dict[str, Array]:
    found = {key: as_array(frame[key]) for key in frame}
    return {key: array for key, array in found.items() if array is not None}
