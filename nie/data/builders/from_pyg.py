"""The fields of a graph of one's own from a graph of PyG, which is used by what it can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nie.arrays import Array
from nie.data.builders.typed_graph import Edges, TypedGraph, as_array, by_relation
from nie.errors import NieError, shown

NODE = "node"
LABELS = "y"
"""What PyG calls that which is to be predicted, so that it is no feature even where scores are given apart from it."""


def fields_of_pyg(
    name: str, data: Any, scores: str | Mapping[str, float] | None = None, *, node_names: Any = None,
    relation_names: Sequence[str] | None = None, text: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The arguments of `nie.KnowledgeGraph`."""
    kinds, triples = getattr(data, "node_types", None), getattr(data, "edge_types", None)
    if kinds is not None and triples is not None:
        sizes = {kind: int(data[kind].num_nodes) for kind in kinds}
        edges = []
        for head, said, tail in triples:
            heads, tails = _ends(data[head, said, tail])
            edges.append(Edges(":".join((head, said, tail)), head, heads, tail, tails))
        known = {kind: _arrays(data[kind], sizes[kind]) for kind in kinds}
    elif hasattr(data, "edge_index") and hasattr(data, "num_nodes"):
        sizes = {NODE: int(data.num_nodes)}
        types = as_array(getattr(data, "edge_type", None))
        edges = by_relation(types, relation_names, NODE, *_ends(data))
        known = {NODE: _arrays(data, sizes[NODE])}
    else:
        raise NieError(f"The graph must be a Data or HeteroData of PyG; got {shown(data)}.")
    if scores != LABELS:
        known = {kind: {key: rows[key] for key in rows if key != LABELS} for kind, rows in known.items()}
    return TypedGraph("The graph of PyG", sizes, edges, known).fields(name, scores, node_names, text)


def _ends(store: Any) -> tuple[Array, Array]:
    ends = as_array(store.edge_index)
    if ends is None or ends.ndim != 2 or len(ends) != 2 or ends.dtype.kind not in "iu":
        raise NieError(f"edge_index must be whole numbers (2, E); got {shown(store.edge_index)}.")
    return ends[0], ends[1]


def _arrays(store: Any, size: int) -> dict[str, Array]:
    """What is known of nodes, a row for each; what is known of edges is called so."""
    found = {str(key): as_array(value) for key, value in store.to_dict().items() if "edge" not in str(key)}
    return {key: array for key, array in found.items() if array is not None and array.ndim and len(array) == size}
