"""The columns of a table of scores: the importance, and perhaps further signals of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nie.data.builders.header import node_place, value_places
from nie.data.builders.node_column import NodeColumn, in_graph, is_number
from nie.data.builders.table_file import table_lines
from nie.data.builders.triples import Source
from nie.data.graph_fields import check_name
from nie.data.raw import fields_of, find_packed
from nie.errors import NieError, shown
from nie.progress import log


@dataclass(frozen=True)
class ScoreTable:
    """The lines of a table of scores.

    The first column is that of nodes, unless a header calls another one so. A cell of a single column of values must
    not be empty; of more, an empty one is a node without that signal.

    Attributes:
        file: that the lines were read from.
        rows: number and fields of each line that is not empty.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "scores.csv"
    >>> _ = file.write_text("node,views,stars\\nann,7,\\nbob,,4.5\\n")
    >>> columns = ScoreTable.read(file).columns({"ann": 0, "bob": 1})
    >>> {name: list(column.rows) for name, column in columns.items()}
    {'views': [(2, 'ann', '7')], 'stars': [(3, 'bob', '4.5')]}
    """

    file: Path
    rows: list[tuple[int, list[str]]]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ScoreTable:
        """All lines at once, as a pipe can be read only once.

        Raises:
            NieError: a line with another number of fields.
        """
        file = find_packed(path)
        lines = [
            (number, line) for numbers, some in table_lines(file) for number, line in zip(numbers, some, strict=True)
        ]
        count = max(2, lines[0][1].count("\t") + 1) if lines else 2
        return cls(file, [(number, fields_of(line, count, file, number)) for number, line in lines])

    def columns(self, nodes: Mapping[str, int]) -> dict[str, NodeColumn]:
        """The columns of values, by name, the importance first.

        Args:
            nodes: those of the graph, which tell a first line from a header.

        Raises:
            NieError: a header with a name that is none or stands there twice.
        """
        rows = self.rows
        header: list[str] | None = None
        node, places = 0, [*range(1, len(rows[0][1]) if rows else 2)]
        if rows and in_graph(rows[0][1][0].strip(), nodes) not in nodes and not any(map(is_number, rows[0][1][1:])):
            number, header = rows[0]
            log.info("%s, line %d is taken as a header and skipped: %s", self.file, number, " ".join(header))
            node = node_place(header, in_order=True)
            places = value_places(header, node)
        names = ["score", *(f"score{number}" for number in range(2, len(places) + 1))]
        if header and len(places) > 1:
            names = [check_name("signal", header[place].strip()) for place in places]
        if len(set(names)) < len(names):
            raise NieError(f"{self.file}, line {rows[0][0]} names a column twice; got {shown(names)}.")
        rows = [(number, fields) for number, fields in rows if fields != header]  # files that were joined have it again
        return {
            name: NodeColumn("scores", Source(str(self.file)), [
                (number, fields[node].strip(), fields[place])
                for number, fields in rows
                if len(places) == 1 or fields[place].strip()
            ])
            for place, name in zip(places, names, strict=True)
        }  # fmt: skip
