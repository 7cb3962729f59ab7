"""Your own graph: triples, and optionally scores and text, from tab-separated files or N-Triples."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from nie.data.builders.triple_file import read_triples
from nie.data.graph import KnowledgeGraph
from nie.data.raw import checksums, find_packed, read_rows
from nie.errors import NieError, shown
from nie.progress import log

VERSION = 2
NODE_WORDS = frozenset({"node", "node_id", "id", "entity", "name"})
Value = TypeVar("Value")
Path_ = str | os.PathLike[str]


def triples(
    name: str,
    triples: Path_,
    scores: Path_ | None = None,
    *,
    text: Path_ | None = None,
    allow_unknown: bool = False,
    columns: str | None = None,
) -> KnowledgeGraph:
    """Build a graph from files of your own; .gz and .xz are read as they are, and pipes such as ``<(zcat f)`` too.

    Nodes and relations are numbered in the order of their names and edges are sorted, so that the order of lines in the
    files is no information: the same lines in any order are the same graph, with the same folds and figures. Repeated
    triples are dropped; ``meta["notes"]`` says how many there were.

    Args:
        name: name of the dataset.
        triples: lines ``head <tab> relation <tab> tail``; any strings, without the blanks around them. A first line
            such as "head relation tail" is a header (here and below: the first that is not empty), and says in which
            order the columns stand. Or N-Triples.
        scores: lines ``node <tab> number``, the importance, finite and >= 0. A first line whose second field is no
            number, and whose first is no node, is a header. Without the file no node is labelled: such a graph is for
            link prediction.
        text: lines ``node <tab> text``; a first line such as "node text" is a header. Without the file, a node's text
            is its name; with it, nodes that are not in it have none.
        allow_unknown: skip and count nodes of ``scores`` and ``text`` that are in no triple, instead of refusing them.
        columns: the order of the columns of ``triples``, such as "head,tail,relation", with "-" for one to leave out.
            When it is not given, columns that seem to stand in another order than they should are refused.

    Raises:
        NieError: a line that is malformed, a duplicate or unknown node, a bad score, or a wrong row count; the message
            names file and line.

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "t.tsv").write_text("ann\\tknows\\tbob\\nbob\\tknows\\tann\\n")
    >>> _ = (folder / "s.tsv").write_text("ann\\t3\\n")
    >>> kg = triples("mine", folder / "t.tsv", folder / "s.tsv")
    >>> kg.node_names, kg.labels
    (['ann', 'bob'], array([ 3., nan]))
    """
    read = read_triples(triples, columns)
    nodes = read.nodes
    unknown: dict[str, int] = {}
    labels = np.full(len(nodes), np.nan)
    if scores is not None:
        known_scores = _read_column(scores, nodes, _score, "scores", unknown, allow_unknown)
        if not known_scores:
            raise NieError(f"{find_packed(scores)}: at least one node of the graph must have a score; none has.")
        labels[list(known_scores)] = list(known_scores.values())
    texts: list[str | None] = list(nodes)
    if text is not None:
        known_text = _read_column(text, nodes, _sentence, "text", unknown, allow_unknown)
        texts = [known_text.get(node) for node in range(len(nodes))]
    for kind, count in unknown.items():
        log.warning("%d nodes in %s are in no triple and were skipped", count, kind)
    if read.repeated:
        log.warning("%d repeated triples were dropped", read.repeated)
    src, etype, dst = np.ascontiguousarray(read.edges.T)
    files = [file for file in (triples, scores, text) if file is not None]
    return KnowledgeGraph(
        name=name,
        src=src,
        dst=dst,
        etype=etype,
        labels=labels,
        label_mask=np.isfinite(labels),
        node_names=list(nodes),
        relation_names=list(read.relations),
        text=texts,
        meta={
            "label_transform": "log1p",
            "label": "score",
            "licence": "your own",
            "attribution": "",
            "raw": checksums(*files),
            "builder": {"name": "triples", "version": VERSION},
            "notes": {"repeated_triples": read.repeated, **{f"unknown_in_{kind}": n for kind, n in unknown.items()}},
        },
    )


def _read_column(
    path: Path_,
    nodes: Mapping[str, int],
    parse: Callable[[str], Value | None],
    kind: str,
    unknown: dict[str, int],
    allow_unknown: bool,
) -> dict[int, Value]:
    """Return node id -> value of a two-column file; ``unknown`` counts what was skipped."""
    found = find_packed(path)
    values: dict[int, Value] = {}
    seen: set[str] = set()
    for line, node, field in _without_header(path, nodes, parse):
        value = parse(field)
        if value is None:
            raise NieError(
                f"{found}, line {line}: the score of {shown(node)} must be a number >= 0; got {shown(field)}."
            )
        if node in seen:
            raise NieError(f"{found}, line {line}: the node {shown(node)} appears twice; give each node once.")
        seen.add(node)
        if node in nodes:
            values[nodes[node]] = value
        elif allow_unknown:
            unknown[kind] = unknown.get(kind, 0) + 1
        else:
            raise NieError(
                f"{found}, line {line}: the node {shown(node)} is in no triple; correct it, or give --allow-unknown to "
                "skip such nodes."
            )
    return values


def _without_header(
    path: Path_, nodes: Mapping[str, int], parse: Callable[[str], Value | None]
) -> Iterator[tuple[int, str, str]]:
    header: list[str] | None = None
    for row, (line, fields) in enumerate(read_rows(path, 2)):
        node, field = fields[0].strip(), fields[1]
        if node not in nodes and f"<{node}>" in nodes:  # N-Triples write so what others write without brackets
            node = f"<{node}>"
        # A score tells a header by itself; a text can be anything, so there the first word must be a usual one.
        named_as_header = node.lower() in NODE_WORDS if parse is _sentence else not _is_number(field)
        if row == 0 and node not in nodes and named_as_header:
            header = fields
            log.info("%s, line %d is taken as a header and skipped: %s", find_packed(path), line, " ".join(fields))
        if fields != header:  # files that were joined have it again
            yield line, node, field


def _score(field: str) -> float | None:
    number = float(field) if _is_number(field) else math.nan
    return number if math.isfinite(number) and number >= 0 else None


def _sentence(field: str) -> str | None:
    return field


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field  # which Python takes, and nobody means
