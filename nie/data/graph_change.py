"""A graph with facts taken away or added, and with nodes that it did not have; beside the graph as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nie.arrays import Bools, Ints
from nie.data.dates import no_days
from nie.data.graph import KnowledgeGraph


class NewNode(NamedTuple):
    """A node that is added: its name, and its text, where it has one."""

    name: str
    text: str | None


def _no_facts() -> Ints:
    return np.zeros((0, 3), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class GraphChange:
    """What changes in a graph.

    Attributes:
        before: the graph as it is.
        removed: (n, 3) head, relation and tail of facts that go, with all their repetitions.
        added: (n, 3) of facts that come; the new nodes are numbered behind those of ``before``.
        nodes: the new nodes. They have no label.

    Example:
        >>> from nie.data.synthetic_graph import synthetic
        >>> kg = synthetic(0)
        >>> change = GraphChange(kg, removed=kg.triples[:1], added=np.array([[300, 0, 5]]), nodes=[NewNode("x", None)])
        >>> change.after.num_nodes, change.after.num_edges - kg.num_edges, change.new.tolist()
        (301, 0, [300])
    """

    before: KnowledgeGraph
    removed: Ints = field(default_factory=_no_facts)
    added: Ints = field(default_factory=_no_facts)
    nodes: Sequence[NewNode] = ()

    @property
    def is_none(self) -> bool:
        """Whether nothing changes."""
        return not (len(self.removed) or len(self.added) or self.nodes)

    @property
    def new(self) -> Ints:
        """The numbers of the new nodes."""
        return np.arange(self.before.num_nodes, self.before.num_nodes + len(self.nodes))

    @cached_property
    def named(self) -> Ints:
        """The nodes that a changed fact names, as far as they were there before, in the order of the facts."""
        ends = np.concatenate([self.removed[:, [0, 2]], self.added[:, [0, 2]]]).ravel().tolist()
        return np.array([node for node in dict.fromkeys(ends) if node < self.before.num_nodes], dtype=np.int64)

    @cached_property
    def after(self) -> KnowledgeGraph:
        """The changed graph: edges that stay keep their order, and stand before those that are added.

        It carries no channels: a feature that was given with a graph says nothing of another.
        """
        kg, count = self.before, len(self.nodes)
        stays = ~among(kg.triples, self.removed)
        head, relation, tail = np.concatenate([kg.triples[stays], self.added]).T
        return replace(
            kg,
            src=head,
            etype=relation,
            dst=tail,
            labels=np.append(kg.labels, np.full(count, np.nan)),
            label_mask=np.append(kg.label_mask, np.zeros(count, dtype=bool)),
            node_names=[*kg.node_names, *(node.name for node in self.nodes)],
            text=[*kg.text, *(node.text for node in self.nodes)],
            channels={},
            held_out={},
            signals={name: np.append(values, np.full(count, np.nan)) for name, values in kg.signals.items()},
            node_dates=None if kg.node_dates is None else np.append(kg.node_dates, no_days(count)),
            edge_dates=None if kg.edge_dates is None else np.append(kg.edge_dates[stays], no_days(len(self.added))),
        )

    def around(self, nodes: Ints) -> KnowledgeGraph:
        """The part of the changed graph that says all of some nodes: their texts, their facts, and the other ends.

        The nodes come first, in this order. Of other nodes it holds neither text nor other facts.
        """
        kg = self.after
        place = np.full(kg.num_nodes, -1)
        place[nodes] = np.arange(len(nodes))
        edges = (place[kg.src] >= 0) | (place[kg.dst] >= 0)
        ends = np.stack([kg.src[edges], kg.dst[edges]])
        others = np.unique(ends[place[ends] < 0])
        place[others] = np.arange(len(nodes), len(nodes) + len(others))
        known = [*nodes.tolist(), *others.tolist()]
        return replace(
            kg,
            src=place[ends[0]],
            dst=place[ends[1]],
            etype=kg.etype[edges],
            labels=np.full(len(known), np.nan),
            label_mask=np.zeros(len(known), dtype=bool),
            node_names=[kg.node_names[node] for node in known],
            text=[kg.text[node] for node in nodes.tolist()] + [None] * len(others),
            signals={},
            node_dates=None,
            edge_dates=None,
        )


def among(triples: Ints, facts: Ints) -> Bools:
    """(n,) whether each of the triples (n, 3) is one of the facts (m, 3).

    >>> among(np.array([[0, 0, 7], [7, 1, 0]]), np.array([[7, 1, 0]])).tolist()
    [False, True]
    """
    found = np.zeros(len(triples), dtype=bool)
    # Most are told apart by their ends alone, which is quick: one of the two is usually a handful beside a graph.
    possible = _with_ends_of(triples, facts)
    facts = facts[_with_ends_of(facts, triples)]
    number = numbers_of(np.concatenate([triples[possible], facts]))
    found[possible] = np.isin(number[: len(possible)], number[len(possible) :])
    return found


def _with_ends_of(triples: Ints, others: Ints) -> Ints:
    """The places of triples (n, 3) whose head is one of the heads of others (m, 3), and whose tail is one of theirs."""
    places = np.arange(len(triples))
    if not len(triples) or not len(others):
        return places[:0]
    for end in (0, 2):
        known = np.zeros(1 + max(triples[:, end].max(), others[:, end].max()), dtype=bool)
        known[others[:, end]] = True
        places = places[known[triples[places, end]]]
    return places


def numbers_of(triples: Ints) -> Ints:
    """(n,) a number for each of the triples (n, 3), the same for the same triple.

    >>> numbers_of(np.array([[0, 0, 7], [7, 1, 0], [0, 0, 7]])).tolist()
    [7, 120, 7]
    """
    if not len(triples):
        return np.zeros(0, dtype=np.int64)
    heads, relations, tails = (triples.max(axis=0) + 1).tolist()
    pair = triples[:, 0] * relations + triples[:, 1]
    if heads * relations * tails > np.iinfo(np.int64).max:
        pair = np.unique(pair, return_inverse=True)[1]
    number: Ints = pair * tails + triples[:, 2]
    return number


def distinct(triples: Ints) -> Ints:
    """The triples in their order, each once.

    >>> distinct(np.array([[7, 1, 0], [0, 0, 7], [7, 1, 0]])).tolist()
    [[7, 1, 0], [0, 0, 7]]
    """
    kept: Ints = triples[np.sort(np.unique(numbers_of(triples), return_index=True)[1])]
    return kept
