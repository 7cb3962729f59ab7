"""Reading a file of triples of a user's own: a table in any order of columns, or RDF."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from nie.arrays import Ints
from nie.data.builders.columns import ROLES, USUAL, Columns, check_order, many_relations
from nie.data.builders.n_triples import is_comment, n_triples_blocks, parse_line
from nie.data.builders.rdf import FORMATS, rdf_blocks
from nie.data.builders.table_file import Lines, table_lines
from nie.data.builders.triples import Block, Source, Triples, numbered
from nie.data.raw import ending, fields_of, find_packed, is_csv
from nie.errors import NieError
from nie.progress import log

LIKE_HEADER = 10
"""In a file of fewer triples, names that occur once say nothing."""

N_TRIPLES = (".nt", ".nq")

NO_RELATION = "edges without a relation need a column for one, which may be the same word in each row"


def read_triples(path: str | os.PathLike[str], columns: str | None = None) -> Triples:
    """Read a file of triples; nodes, relations and edges are in the order of names, whatever that of the lines is.

    Literals are nodes here; `nie.data.builders.literals.set_apart` takes them out.

    Args:
        path: of the file, plain or packed, or of a pipe: Turtle where it ends in .ttl, RDF/XML where it ends in .rdf,
            .xml or .owl, and otherwise N-Triples or a table, as the first line tells.
        columns: see `nie.data.builders.columns.Columns.parse`; when it is not given, they are those of the header, or
            head, relation, tail, and what makes no sense in that order is refused.

    Raises:
        NieError: a line is malformed, there is none, or the columns seem to stand in another order.
    """
    found = find_packed(path)
    given = None if columns is None else Columns.parse(columns)
    parsed = ending(found) in FORMATS
    lines, in_rdf, header = (iter(()), True, None) if parsed else _begun(found)
    if not in_rdf:
        return _table(found, lines, header, given).in_order_of_names()
    if given not in (None, Columns()):
        raise NieError(f"{found} is RDF, whose order is fixed; leave --columns out.")
    source = Source(str(found), None if parsed else "line")
    return numbered(source, rdf_blocks(found) if parsed else n_triples_blocks(source, lines)).in_order_of_names()


Line = tuple[int, str]


def _begun(found: Path) -> tuple[Iterator[Lines], bool, Line | None]:
    """All lines of the file, whether they are N-Triples, and the first line where it names columns, or some."""
    blocks = table_lines(found)
    seen: list[Lines] = []
    in_rdf = ending(found) in N_TRIPLES
    for numbers, lines in blocks:
        seen.append((numbers, lines))
        said = next((line for line in lines if not is_comment(line)), None)
        if said is not None:
            in_rdf = in_rdf or (not is_csv(found) and parse_line(said) is not None)
            break
    header = (seen[0][0][0], seen[0][1][0]) if seen and not in_rdf else None
    fields = header[1].split("\t") if header else []
    names = Columns.of_header(fields) is not None or Columns.in_part(fields)
    return itertools.chain(seen, blocks), in_rdf, header if names else None


def _table(found: Path, lines: Iterable[Lines], header: Line | None, given: Columns | None) -> Triples:
    """The triples of a table, of which a first line that looks like a header may be one."""
    source = Source(str(found))
    fields = header[1].split("\t") if header else []
    order = given or Columns.of_header(fields) or Columns()
    in_part = given is None and Columns.in_part(fields)
    if header and in_part and len(fields) > len(ROLES):
        raise _header_in_part(found, header)
    read = numbered(source, _separated(found, lines, order, header))
    if header and _is_triple(order.picked(fields_of(header[1], len(order.roles), found, header[0])), read):
        if found.is_fifo():
            raise NieError(f"{found}: the first line may be a header or a triple; name a file instead of a pipe.")
        read = numbered(source, _separated(found, table_lines(found), given or Columns(), None))
    elif header and in_part:
        raise _header_in_part(found, header)
    elif header:
        shown_header = header[1].replace("\t", " ")
        log.info("%s, line %d is taken as a header and skipped: %s", found, header[0], shown_header)
    dotted = np.array([name.endswith(" .") for name in read.nodes])[read.edges[:, 2]].sum()
    if 2 * dotted > len(read.edges):
        raise NieError(
            f"{found}: {dotted:,} of {len(read.edges):,} tails end in ' .', as statements of RDF do; write it as "
            "N-Triples, with <> around names, or remove the dots."
        )
    if given is None:
        doubt(found, read)
    return read


def _separated(found: Path, blocks: Iterable[Lines], columns: Columns, header: Line | None) -> Iterator[Block]:
    width = len(columns.roles)
    for numbers, lines in blocks:
        if header and header[1] in lines:  # files that were joined have it again
            kept = [(number, line) for number, line in zip(numbers, lines, strict=True) if line != header[1]]
            numbers, lines = [number for number, _ in kept], [line for _, line in kept]
        if {line.count("\t") for line in lines} - {width - 1}:
            for number, line in zip(numbers, lines, strict=True):
                fields_of(line, width, found, number, of_two=NO_RELATION if width == len(ROLES) else "")
        if lines:
            cells = "\t".join(lines).split("\t")
            yield Block(numbers, *columns.picked([cells[place::width] for place in range(width)]))


def _header_in_part(found: Path, header: Line) -> NieError:
    """As a triple it would make an edge of the names of columns, and of columns something that they are not."""
    return NieError(
        f"{found}, line {header[0]} is a header that does not name head, relation and tail, each once; got "
        f"{', '.join(header[1].split())}: call the columns so, or say with --columns which is which, as {USUAL}, with "
        f"'-' for one to leave out ({NO_RELATION})."
    )


def _is_triple(named: tuple[str, str, str], read: Triples) -> bool:
    """Whether what looks like a header, such as "node1 link node2", names what other lines name too."""
    head, relation, tail = named
    return relation in read.relations and (head in read.nodes or tail in read.nodes)


def doubt(found: Path | str, read: Triples, advice: str = "give --columns") -> None:
    """Refuse an order of columns that makes no sense, and warn of what hardly makes any; ``advice`` mends it."""
    heads, tails = (set(np.flatnonzero(np.bincount(read.edges[:, end])).tolist()) for end in (0, 2))
    relations = {read.nodes.get(name, -1 - number) for name, number in read.relations.items()}
    check_order(found, heads, relations, tails, numbers=all(name.isdecimal() for name in read.relations), advice=advice)
    if many_relations(len(relations), len(heads), len(tails)):
        log.warning(
            "%s has %d relations for %d heads and %d tails; if these columns stand in another order, %s, such as "
            "head,tail,relation", found, len(relations), len(heads), len(tails), advice,
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
