"""Reading a file of triples of a user's own: tab-separated in any order of columns, or N-Triples."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nie.arrays import Ints
from nie.data.builders.columns import USUAL, Columns, check_order, many_relations
from nie.data.builders.n_triples import is_comment, parse_line
from nie.data.raw import check_letters, fields_of, find_packed, read_lines
from nie.errors import NieError, shown
from nie.progress import log

LIKE_HEADER = 10
"""In a file of fewer triples, names that occur once say nothing."""

Line = tuple[int, str]
Row = tuple[int, tuple[str, str, str]]


@dataclass(frozen=True)
class Triples:
    """What a file holds.

    Attributes:
        nodes, relations: number by name.
        edges: (E, 3) head, relation and tail, distinct.
        repeated: how many triples stood there before.
    """

    nodes: dict[str, int]
    relations: dict[str, int]
    edges: Ints
    repeated: int

    def in_order_of_names(self) -> Triples:
        """The same, numbered by name and sorted by number: equal for the same triples in any order of lines.

        >>> Triples({"b": 0, "a": 1}, {"in": 0}, np.array([[0, 0, 1], [1, 0, 0]]), 0).in_order_of_names().edges.tolist()
        [[0, 0, 1], [1, 0, 0]]
        """
        nodes, relations = (
            {name: number for number, name in enumerate(sorted(known))} for known in (self.nodes, self.relations)
        )
        node, relation = (
            np.array([new[name] for name in known], dtype=np.int64)
            for new, known in ((nodes, self.nodes), (relations, self.relations))
        )
        edges = np.stack([node[self.edges[:, 0]], relation[self.edges[:, 1]], node[self.edges[:, 2]]], axis=1)
        return Triples(nodes, relations, edges[np.lexsort(edges.T[::-1])], self.repeated)


def read_triples(path: str | os.PathLike[str], columns: str | None = None) -> Triples:
    """Read a file of triples; nodes, relations and edges are in the order of names, whatever that of the lines is.

    Args:
        path: of the file, plain or packed, or of a pipe.
        columns: see `nie.data.builders.columns.Columns.parse`; when it is not given, they are those of the header, or
            head, relation, tail, and what makes no sense in that order is refused.

    Raises:
        NieError: a line is malformed, there is none, or the columns seem to stand in another order.
    """
    found = find_packed(path)
    given = None if columns is None else Columns.parse(columns)
    lines, in_rdf, header = _begun(found)
    if in_rdf and given not in (None, Columns()):
        raise NieError(f"{found} is N-Triples, whose order is fixed; leave --columns out.")
    order = given or (header and Columns.of_header(header[1].split("\t"))) or Columns()
    read = _collected(found, _n_triples(found, lines) if in_rdf else _separated(found, lines, order, header))
    if header and _is_triple(order.picked(fields_of(header[1], len(order.roles), found, header[0])), read):
        if found.is_fifo():
            raise NieError(f"{found}: the first line may be a header or a triple; name a file instead of a pipe.")
        read = _collected(found, _separated(found, read_lines(found), given or Columns(), None))
    elif header:
        shown_header = header[1].replace("\t", " ")
        log.info("%s, line %d is taken as a header and skipped: %s", found, header[0], shown_header)
    if given is None and not in_rdf:
        _doubt(found, read)
    return read.in_order_of_names()


def _begun(found: Path) -> tuple[Iterator[Line], bool, Line | None]:
    """All lines of the file, whether they are N-Triples, and the first line where it is a header."""
    lines = read_lines(found)
    seen: list[Line] = []
    in_rdf = False
    for number, line in lines:
        seen.append((number, line))
        in_rdf = parse_line(line) is not None
        if in_rdf or not is_comment(line):
            break
    header = seen[0] if seen and not in_rdf and Columns.of_header(seen[0][1].split("\t")) else None
    return itertools.chain(seen, lines), in_rdf, header


def _collected(found: Path, rows: Iterable[Row]) -> Triples:
    nodes: dict[str, int] = {}
    relations: dict[str, int] = {}
    edges: dict[tuple[int, int, int], None] = {}
    total = padded = dotted = 0
    for line, fields in rows:
        head, relation, tail = fields[0].strip(), fields[1].strip(), fields[2].strip()
        if not (head and relation and tail):
            raise NieError(f"{found}, line {line}: head, relation and tail must not be empty.")
        for name, known in ((head, nodes), (relation, relations), (tail, nodes)):
            if name not in known:
                check_letters(name, found, line)
        padded += fields != (head, relation, tail)
        dotted += tail.endswith(" .")
        start = nodes.setdefault(head, len(nodes))
        end = nodes.setdefault(tail, len(nodes))
        edges[start, relations.setdefault(relation, len(relations)), end] = None
        total += 1
    if not edges:
        raise NieError(f"{found} must have lines 'head<tab>relation<tab>tail'; there is none.")
    if 2 * dotted > total:
        raise NieError(
            f"{found}: {dotted:,} of {total:,} tails end in ' .', as statements of RDF do; write it as N-Triples, with "
            "<> around names, or remove the dots."
        )
    if padded:
        log.info("%s: %d lines have blanks around a name, which were left out", found, padded)
    return Triples(nodes, relations, np.array(list(edges), dtype=np.int64), total - len(edges))


def _n_triples(found: Path, lines: Iterable[Line]) -> Iterator[Row]:
    for number, line in lines:
        triple = parse_line(line)
        if triple:
            yield number, triple
        elif not is_comment(line):
            raise NieError(
                f"{found}, line {number} must be a statement of N-Triples, '<head> <relation> <tail> .', as the first "
                f"is; got {shown(line)}."
            )


def _separated(found: Path, lines: Iterable[Line], columns: Columns, header: Line | None) -> Iterator[Row]:
    for number, line in lines:
        if header is None or line != header[1]:  # files that were joined have it again
            yield number, columns.picked(fields_of(line, len(columns.roles), found, number))


def _is_triple(named: tuple[str, str, str], read: Triples) -> bool:
    """Whether what looks like a header, such as "node1 link node2", names what other lines name too."""
    head, relation, tail = named
    return relation in read.relations and (head in read.nodes or tail in read.nodes)


def _doubt(found: Path, read: Triples) -> None:
    """Refuse an order of columns that makes no sense, and warn of what hardly makes any."""
    heads, tails = (set(np.unique(read.edges[:, end]).tolist()) for end in (0, 2))
    relations = {read.nodes.get(name, -1 - number) for name, number in read.relations.items()}
    check_order(found, heads, relations, tails, numbers=all(name.isdecimal() for name in read.relations))
    if many_relations(len(relations), len(heads), len(tails)):
        log.warning(
            "%s has %d relations for %d heads and %d tails; if these columns stand in another order, name it, such as "
            "--columns head,tail,relation", found, len(relations), len(heads), len(tails),
        )  # fmt: skip
    first = [list(names)[place] for names, place in zip(
        (read.nodes, read.relations, read.nodes), read.edges[0].tolist(), strict=True
    )]  # fmt: skip
    if len(read.edges) > LIKE_HEADER and _stands_apart(read.edges) and all(map(_is_word, first)):
        log.warning(
            "%s: no name of the first triple, %s, occurs again, so it may be a header; if so, remove it or write %s",
            found, " ".join(first), USUAL.replace(",", " "),
        )  # fmt: skip


def _stands_apart(edges: Ints) -> bool:
    """Whether the relation and the nodes of the first triple occur nowhere else, which is rare among its relations."""
    again = (edges[1:, 1] == edges[0, 1]) | np.isin(edges[1:, [0, 2]], edges[0, [0, 2]]).any(axis=1)
    once = np.count_nonzero(np.bincount(edges[:, 1]) == 1)
    return not bool(again.any()) and bool(10 * once <= len(edges))


def _is_word(name: str) -> bool:
    return len(name) <= 40 and not any(letter.isdigit() for letter in name)
