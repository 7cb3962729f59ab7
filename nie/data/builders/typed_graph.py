"""What DGL and PyG have in common: arrays of numbered nodes by type, and of edges by relation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nie.arrays import Array, Ints
from nie.data.builders.node_column import NodeColumn
from nie.data.builders.own_graph import ONLY_RELATION, OwnGraph
from nie.data.builders.score_table import scores_of_frame
from nie.data.builders.triples import Block, Source, numbered
from nie.errors import NieError, shown


@dataclass(frozen=True)
class Edges:
    """Edges of one relation between nodes of two types: its name, and the numbers of heads and tails."""

    relation: str
    head_type: str
    heads: Ints
    tail_type: str
    tails: Ints


@dataclass(frozen=True)
class TypedGraph:
    """A graph whose nodes are numbered from 0 within their type.

    Attributes:
        source: what it is, for messages.
        sizes: the number of nodes by type; a graph without types has one.
        edges: by relation.
        data: by type, what is known of its nodes, a row for each.
    """

    source: str
    sizes: Mapping[str, int]
    edges: Sequence[Edges]
    data: Mapping[str, Mapping[str, Array]]

    def fields(
        self, name: str, scores: str | Mapping[Any, float] | None, node_names: Any, text: Mapping[str, str] | None
    ) -> dict[str, Any]:
        """The arguments of `nie.KnowledgeGraph`.

        Args:
            name: of the dataset.
            scores: the name of what is known of nodes, with nan where it is not, or a dict by name of node.
            node_names: N names, or by type such names; without them, a node is called "7", or "author:7" where there
                are types.
            text: by name of node.

        Raises:
            NieError: no such scores, or names that are not one for each node.
        """
        # Edges, features and scores all go by these names, so that blanks around them are left out here.
        names = {kind: [*map(str.strip, self._names(kind, node_names))] for kind in self.sizes}
        source = Source(self.source, "edge")
        every = [name for some in names.values() for name in some]
        if len(set(every)) < len(every):
            raise NieError(f"{self.source}: every node must have a name of its own; some have the same.")
        read = numbered(source, (self._block(edges, names) for edges in self.edges), every).in_order_of_names()
        graph = OwnGraph(self.source, read, literals="nodes")
        if (known := self._scores(scores, names)) is not None:
            graph.take_scores(scores_of_frame(known))
        if text is not None:
            graph.take(NodeColumn.of_frame("text", text))
        return graph.fields(name, self._channels(names, scores, list(graph.nodes)))

    def _names(self, kind: str, given: Any) -> list[str]:
        one = len(self.sizes) == 1
        if given is not None and not one and not isinstance(given, Mapping):
            raise NieError(f"node_names must be a dict of lists by the type of node; got {shown(given)}.")
        chosen = given.get(kind) if isinstance(given, Mapping) else given
        if chosen is None:
            return [str(node) if one else f"{kind}:{node}" for node in range(self.sizes[kind])]
        names = [each for each in chosen if isinstance(each, str)]
        if len(names) != self.sizes[kind] or len(names) != len(chosen):
            raise NieError(f"node_names must be {self.sizes[kind]} strings for {kind}; got {shown(chosen)}.")
        return names

    def _block(self, edges: Edges, names: Mapping[str, list[str]]) -> Block:
        heads, tails = names[edges.head_type], names[edges.tail_type]
        for ends, known in ((edges.heads, heads), (edges.tails, tails)):
            if len(ends) and not 0 <= ends.min() <= ends.max() < len(known):
                raise NieError(f"{self.source}: edges of {edges.relation} name nodes that there are not.")
        return Block(
            range(len(edges.heads)),
            [heads[node] for node in edges.heads.tolist()],
            [edges.relation] * len(edges.heads),
            [tails[node] for node in edges.tails.tolist()],
        )

    def _scores(
        self, scores: str | Mapping[Any, float] | None, names: Mapping[str, list[str]]
    ) -> Mapping[Any, float] | None:  # fmt: skip
        if not isinstance(scores, str):
            return scores
        found = {kind: rows[scores].reshape(-1) for kind, rows in self.data.items() if scores in rows}
        if not found:
            known = sorted({key for rows in self.data.values() for key in rows})
            raise NieError(f"{self.source} has no {shown(scores)} of nodes; known are {', '.join(known) or 'none'}.")
        for kind, values in found.items():
            if values.shape != (self.sizes[kind],) or values.dtype.kind not in "iuf":
                raise NieError(
                    f"The scores {shown(scores)} must be a number for each node; got {self.data[kind][scores].shape}."
                )
        return {
            node: value
            for kind, values in found.items()
            for node, value in zip(names[kind], values.tolist(), strict=True)
            if value == value  # nan stands for an unknown one
        }

    def _channels(self, names: Mapping[str, list[str]], scores: Any, order: Sequence[str]) -> dict[str, Any]:
        """The tables of real numbers; those of a graph with types are called for what they are and for their type."""
        from nie.data.channel_file import channel_of_rows  # loads torch

        made = {}
        for kind, rows in self.data.items():
            for key, table in rows.items():
                if key != scores and table.ndim == 2 and table.dtype.kind == "f" and table.shape[1]:
                    called = re.sub(r"[^\w.-]", "_", key if len(self.sizes) == 1 else f"{key}.{kind}")
                    made[called] = channel_of_rows(Path(self.source), called, table, np.array(names[kind]), order)
        return made


def by_relation(types: Array | None, names: Sequence[str] | None, kind: str, heads: Ints, tails: Ints) -> list[Edges]:
    """The edges of a graph without types of nodes, by the number of each edge's relation.

    Raises:
        NieError: numbers beyond the names.
    """
    if types is None:
        return [Edges(ONLY_RELATION, kind, heads, kind, tails)]
    if types.shape != heads.shape or types.dtype.kind not in "iu":
        raise NieError(f"Relations must be a whole number for each edge; got {types.dtype} of shape {types.shape}.")
    present = np.unique(types).tolist()
    if names is not None and present and not 0 <= present[0] <= present[-1] < len(names):
        raise NieError(f"There are relations up to {present[-1]}, but {len(names)} names of relations.")
    return [
        Edges(str(each) if names is None else names[each], kind, heads[types == each], kind, tails[types == each])
        for each in present
    ]


def as_array(value: Any) -> Array | None:
    """The array in a tensor; None for anything else."""
    if isinstance(value, np.ndarray):
        return value
    try:
        value = value.detach().cpu()
        return np.asarray(value.float() if value.is_floating_point() and value.itemsize < 4 else value)
    except (AttributeError, RuntimeError, TypeError):
        return None
