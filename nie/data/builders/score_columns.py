"""The columns of a table of scores: the importance, and perhaps further signals of it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from nie.data.builders.node_column import NodeColumn, in_graph, is_number
from nie.data.builders.table_file import table_lines
from nie.data.builders.triples import Source
from nie.data.graph_fields import check_name
from nie.data.raw import fields_of, find_packed
from nie.errors import NieError, shown
from nie.progress import log


def score_columns(path: str | os.PathLike[str], nodes: Mapping[str, int]) -> dict[str, NodeColumn]:
    """The columns beside that of nodes, by name, the importance first; read at once, as a pipe can be read only once.

    Of two columns of a table, no cell may be empty; of more, an empty one is a node without that signal.

    Args:
        path: of a table.
        nodes: those of the graph, which tell a first line from a header.

    Raises:
        NieError: a line with another number of fields, or a header with a name that is none or stands there twice.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "scores.csv"
    >>> _ = file.write_text("node,views,stars\\nann,7,\\nbob,,4.5\\n")
    >>> {name: list(column.rows) for name, column in score_columns(file, {"ann": 0, "bob": 1}).items()}
    {'views': [(2, 'ann', '7')], 'stars': [(3, 'bob', '4.5')]}
    """
    found = find_packed(path)
    lines = [(number, line) for numbers, some in table_lines(found) for number, line in zip(numbers, some, strict=True)]
    count = max(2, lines[0][1].count("\t") + 1) if lines else 2
    rows = [(number, fields_of(line, count, found, number)) for number, line in lines]
    names = [f"score{place}" if place > 1 else "score" for place in range(1, count)]
    header: list[str] | None = None
    if rows and in_graph(rows[0][1][0].strip(), nodes) not in nodes and not any(map(is_number, rows[0][1][1:])):
        number, header = rows[0]
        log.info("%s, line %d is taken as a header and skipped: %s", found, number, " ".join(header))
        if count > 2:
            names = [check_name("signal", name.strip()) for name in header[1:]]
    if len(set(names)) < len(names):
        raise NieError(f"{found}, line {rows[0][0]} names a column twice; got {shown(names)}.")
    rows = [(number, fields) for number, fields in rows if fields != header]  # files that were joined have it again
    return {
        name: NodeColumn("scores", Source(str(found)), [
            (number, fields[0].strip(), fields[place])
            for number, fields in rows
            if count == 2 or fields[place].strip()
        ])
        for place, name in enumerate(names, 1)
    }  # fmt: skip
