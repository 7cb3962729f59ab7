"""The columns of a table of scores: the importance, and perhaps further signals of it, in a file or in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nie.data.builders.frame import Frame, is_missing
from nie.data.builders.header import NODE_WORDS, meant_first, node_place, value_places
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

    The first column is that of nodes, and the next that of the scores, unless a header calls others so. A cell of a
    single column of values must not be empty; of more, an empty one is a node without that signal.

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
        if rows and _is_header(rows[0][1], nodes):
            number, header = rows[0]
            log.info("%s, line %d is taken as a header and skipped: %s", self.file, number, " ".join(header))
            node = node_place(header, in_order=True)
            places = meant_first(header, value_places(header, node), "scores")
        names = ["score", *(f"score{number}" for number in range(2, len(places) + 1))]
        if header and len(places) > 1:
            names = _signal_names(f"{self.file}, line {rows[0][0]}", [header[place] for place in places])
        rows = [(number, fields) for number, fields in rows if fields != header]  # files that were joined have it again
        return {
            name: NodeColumn("scores", Source(str(self.file)), [
                (number, fields[node].strip(), fields[place])
                for number, fields in rows
                if len(places) == 1 or fields[place].strip()
            ])
            for place, name in zip(places, names, strict=True)
        }  # fmt: skip


def scores_of_frame(given: Any) -> dict[str, NodeColumn]:
    """The columns of a table in memory, as `ScoreTable.columns` has those of a file, without those of words.

    >>> list(scores_of_frame({"node": ["ann", "bob"], "title": ["x", "y"], "year": [1999, 2001], "score": [7, None]}))
    ['score', 'year']
    """
    frame = Frame.of_values("scores", given)
    source, places = Source("scores", "row"), frame.value_columns()
    numbers = [place for place in places if not _of_words(frame.cells(place))] or places
    if len(numbers) < len(places):
        words = [frame.columns[place] for place in places if place not in numbers]
        log.info("scores: columns without a number are left out: %s", ", ".join(words))
    places = meant_first(frame.columns, numbers, "scores")
    if len(places) == 1:
        return {"score": NodeColumn("scores", source, frame.rows(places[0]))}
    names = _signal_names("scores", [frame.columns[place] for place in places])
    return {
        name: NodeColumn("scores", source, [row for row in frame.rows(place) if not is_missing(row[2])])
        for place, name in zip(places, names, strict=True)
    }


def _of_words(cells: Sequence[Any]) -> bool:
    return not any(map(is_number, cells)) and not all(map(is_missing, cells))


def _is_header(fields: Sequence[str], nodes: Mapping[str, int]) -> bool:
    """Whether a first line is none of values; a header may call columns by numbers, such as years."""
    if in_graph(fields[0].strip(), nodes) in nodes:
        return False
    return any(field.strip().lower() in NODE_WORDS for field in fields) or not any(map(is_number, fields[1:]))


def _signal_names(place: str, given: Sequence[str]) -> list[str]:
    names = [check_name("signal", name.strip()) for name in given]
    if len(set(names)) < len(names):
        raise NieError(f"{place} names a column twice; got {shown(names)}.")
    return names
