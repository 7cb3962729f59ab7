"""The fields of a graph of one's own from tables in memory."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from nie.data.builders.columns import Columns
from nie.data.builders.frame import Frame
from nie.data.builders.given_features import given_channels
from nie.data.builders.node_column import NodeColumn
from nie.data.builders.own_graph import OwnGraph
from nie.data.builders.score_table import scores_of_frame
from nie.data.builders.triple_file import doubt
from nie.data.builders.triples import Block, Source, numbered

XSD = "http://www.w3.org/2001/XMLSchema#"
ROWS = 50_000


def fields_of_frames(
    name: str, triples: Any, scores: Any = None, *, text: Any = None, features: Mapping[str, Any] | None = None,
    literals: str = "features", more_nodes: Sequence[str] = (), **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """The arguments of `nie.KnowledgeGraph`.

    Args:
        name, triples, scores, text, features, literals: as of `nie.KnowledgeGraph.from_frames`.
        more_nodes: nodes that are in no triple.
        options: those of `nie.data.builders.own_graph.OwnGraph`.
    """
    frame = Frame("triples", triples)
    blocks = blocks_of_frame(frame, quoted=literals == "features")
    read = numbered(Source("triples", "row"), blocks, more_nodes)
    if Columns.of_header(frame.columns) is None:
        doubt("triples", read, "name them")
    graph = OwnGraph("triples", read.in_order_of_names(), literals=literals, **options)
    if scores is not None:
        graph.take_scores(scores_of_frame(scores))
    if text is not None:
        graph.take(NodeColumn.of_frame("text", text))
    return graph.fields(name, given_channels(features, list(graph.nodes)))


def blocks_of_frame(frame: Frame, *, quoted: bool) -> Iterator[Block]:
    """The triples of a frame; numbers and dates among names as tails are literals, written as such if ``quoted``."""
    head, relation, tail = frame.triple_columns()
    heads, relations, tails = frame.names(head), frame.names(relation), frame.cells(tail)
    if not set(map(type, tails)) <= {str}:
        # Where heads are numbers, nodes are called so, and tails are nodes, too.
        by_number = not all(isinstance(cell, str) for cell in frame.cells(head))
        tails = [
            frame.named(cell, tail, row) if by_number or isinstance(cell, str) else _value(frame, cell, row, quoted)
            for row, cell in enumerate(tails)
        ]
    for begin in range(0, len(heads), ROWS):
        part = slice(begin, begin + ROWS)
        yield Block(range(len(heads))[part], heads[part], relations[part], tails[part])


def _value(frame: Frame, cell: Any, row: int, quoted: bool) -> str:
    """A number, a truth or a date as a literal of N-Triples."""
    text: str
    if isinstance(cell, (bool, np.bool_)):
        text, kind = str(bool(cell)).lower(), "boolean"
    elif isinstance(cell, Integral):
        text, kind = str(int(cell)), "integer"
    elif isinstance(cell, Real) and math.isfinite(cell):
        text, kind = repr(float(cell)), "double"
    elif isinstance(cell, datetime.date) and cell == cell:
        text, kind = cell.isoformat(), "dateTime" if isinstance(cell, datetime.datetime) else "date"
    else:
        return frame.named(cell, frame.triple_columns()[2], row)
    return f'"{text}"^^<{XSD}{kind}>' if quoted else text
