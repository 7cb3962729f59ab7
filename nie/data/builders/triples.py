"""From triples of names, as every reader gives them, to numbers: what graphs of one's own are built from."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import numpy as np

from nie.arrays import Bools, Ints
from nie.data.raw import unfit_letter
from nie.errors import NieError
from nie.progress import log


@dataclass(frozen=True)
class Source:
    """Where something stands, for messages: a file and its lines, or an object in Python and its rows.

    >>> Source("t.tsv").at(3), Source("triples", "row").at(3), Source("t.ttl", None).at(3)
    ('t.tsv, line 3', 'triples, row 3', 't.ttl')
    """

    name: str
    unit: str | None = "line"

    def at(self, number: int) -> str:
        """The place of what has this number."""
        return f"{self.name}, {self.unit} {number}" if self.unit else self.name


class Block(NamedTuple):
    """Some triples as they were read: three columns of names, and the number of each triple's line.

    A tail is a literal where it is written as in N-Triples, ``"..."``, ``"..."^^<type>`` or ``"..."@language``;
    `nie.data.builders.literals` says what else is one.
    """

    lines: Sequence[int]
    heads: Sequence[str]
    relations: Sequence[str]
    tails: Sequence[str]


@dataclass(frozen=True)
class Triples:
    """What was read.

    Attributes:
        nodes, relations: number by name.
        edges: (E, 3) head, relation and tail.
        repeated: how many triples were left out, as they stood there before.
    """

    nodes: dict[str, int]
    relations: dict[str, int]
    edges: Ints
    repeated: int

    def in_order_of_names(self) -> Triples:
        """The distinct triples, numbered by name and sorted: equal for the same triples in any order of lines.

        >>> Triples({"b": 0, "a": 1}, {"in": 0}, np.array([[0, 0, 1], [1, 0, 0]]), 0).in_order_of_names().edges.tolist()
        [[0, 0, 1], [1, 0, 0]]
        """
        nodes, relations = sorted(self.nodes), sorted(self.relations)
        node, relation = (
            _places(map(known.__getitem__, names), len(names))
            for known, names in ((self.nodes, nodes), (self.relations, relations))
        )
        head, said, tail = node[self.edges[:, 0]], relation[self.edges[:, 1]], node[self.edges[:, 2]]
        # One number for each triple, in the order of triples; three columns take several times as long to sort.
        pair = np.unique(head * len(relations) + said, return_inverse=True)[1]
        distinct = np.unique(pair * len(nodes) + tail, return_index=True)[1]
        edges = np.stack([head, said, tail], axis=1)[distinct]
        repeated = self.repeated + len(self.edges) - len(edges)
        return Triples(_numbers(nodes), _numbers(relations), edges, repeated)

    def of_edges(self, kept: Bools) -> tuple[Triples, Ints]:
        """The triples that are ``kept``, in their order; what is a tail of the others alone is no node any more.

        Relations without a triple are left out. Also the new number of each node, -1 for what is none.
        """
        edges = self.edges[kept]
        stays = np.ones(len(self.nodes), dtype=bool)
        stays[self.edges[~kept, 2]] = False
        stays[self.edges[:, 0]] = stays[edges[:, 2]] = True
        used = np.zeros(len(self.relations), dtype=bool)
        used[edges[:, 1]] = True
        node, relation = np.cumsum(stays) - 1, np.cumsum(used) - 1
        edges = np.stack([node[edges[:, 0]], relation[edges[:, 1]], node[edges[:, 2]]], axis=1)
        names, relations = compress(self.nodes, stays.tolist()), compress(self.relations, used.tolist())
        return Triples(_numbers(names), _numbers(relations), edges, self.repeated), np.where(stays, node, -1)


def _numbers(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _places(old: Iterable[int], count: int) -> Ints:
    """The new number of each old one, from the old ones in their new order."""
    places = np.empty(count, dtype=np.int64)
    places[np.fromiter(old, np.int64, count)] = np.arange(count)
    return places


def numbered(source: Source, blocks: Iterable[Block], more_nodes: Iterable[str] = ()) -> Triples:
    """Number the nodes and relations of triples; numbers are in no order, and triples may be repeated.

    Columns are handled whole, as this takes a third of the time that triple after triple would.

    Args:
        source: of the triples, for messages.
        blocks: the triples.
        more_nodes: nodes that may be in no triple; blanks around a name are no part of it, as in triples.

    Raises:
        NieError: a name is empty or holds a control letter, or there is no triple.
    """
    nodes, relations = _numbers(dict.fromkeys(map(str.strip, more_nodes))), dict[str, int]()
    for name in nodes:
        if not name or unfit_letter(name):
            raise NieError(f"{source.name}: {unfit_letter(name) or 'the name of a node must not be empty'}.")
    parts = [np.empty((0, 3), dtype=np.int64)]
    padded = 0
    for block in blocks:
        columns = [list(map(str.strip, column)) for column in block[1:]]
        heads, named, tails = columns
        for known, names in ((nodes, {*heads, *tails}), (relations, set(named))):
            fresh = names.difference(known)
            if not all(fresh) or any(map(unfit_letter, fresh)):
                raise NieError(_unfit(source, block.lines, columns))
            known.update(zip(fresh, range(len(known), len(known) + len(fresh)), strict=True))
        parts.append(np.stack([
            np.fromiter(map(known.__getitem__, column), np.int64, len(column))
            for column, known in zip(columns, (nodes, relations, nodes), strict=True)
        ], axis=1))  # fmt: skip
        if any(list(before) != after for before, after in zip(block[1:], columns, strict=True)):
            padded += sum(map(operator.ne, zip(*block[1:], strict=True), zip(*columns, strict=True)))
    edges = np.concatenate(parts)
    if not len(edges):
        what = "lines 'head<tab>relation<tab>tail'" if source.unit == "line" else "at least one triple"
        raise NieError(f"{source.name} must have {what}; there is none.")
    if padded:
        log.info(
            "%s: %d %ss have blanks around a name, which were left out", source.name, padded, source.unit or "triple"
        )
    return Triples(nodes, relations, edges, 0)


def _unfit(source: Source, lines: Sequence[int], columns: Sequence[Sequence[str]]) -> str:
    """What is wrong with the first triple that has a name that none can have."""
    for line, names in zip(lines, zip(*columns, strict=True), strict=True):
        if not all(names):
            return f"{source.at(line)}: head, relation and tail must not be empty."
        if unfit := next(filter(None, map(unfit_letter, names)), ""):
            return f"{source.at(line)}: {unfit}."
    raise AssertionError("a name is unfit, and stands nowhere")
