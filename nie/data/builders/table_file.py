"""Tables of a user's own, with tabs between their fields, or with commas and quotes where their name ends in .csv."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from nie.data.raw import MOST_LETTERS, fields_of, is_csv, read_blocks
from nie.errors import NieError

Lines = tuple[list[int], list[str]]
"""The numbers of some lines, and the lines with tabs between their fields."""

ROWS = 10_000


def table_lines(found: Path) -> Iterator[Lines]:
    """The lines of a table that are not empty; those of a CSV file as if it had tabs between its fields.

    So nothing else has to know of two kinds of tables.

    Raises:
        NieError: as `nie.data.raw.read_blocks`, or quotes that are not closed, or that stand amid a field.
    """
    if is_csv(found):
        yield from _csv_lines(found)
        return
    for first, lines in read_blocks(found):
        numbers = list(range(first, first + len(lines)))
        if "" in lines:
            kept = [(number, line) for number, line in zip(numbers, lines, strict=True) if line]
            numbers, lines = [number for number, _ in kept], [line for _, line in kept]
        if lines:
            yield numbers, lines


def table_rows(found: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, fields) of a table.

    Raises:
        NieError: a line has not exactly ``columns`` fields.
    """
    for numbers, lines in table_lines(found):
        for number, line in zip(numbers, lines, strict=True):
            yield number, fields_of(line, columns, found, number)


def _csv_lines(found: Path) -> Iterator[Lines]:
    before = csv.field_size_limit(MOST_LETTERS)
    ended = 0
    rows = csv.reader((f"{line}\n" for _, lines in read_blocks(found) for line in lines), strict=True)
    numbers, lines = list[int](), list[str]()
    try:
        for row in rows:
            # Tabs and line ends within a field are blanks: a text may have them, and a name has none.
            line = "\t".join(row)
            if line.count("\t") >= len(row) or "\n" in line:
                line = "\t".join(field.replace("\t", " ").replace("\n", " ") for field in row)
            if line:
                numbers.append(ended + 1)
                lines.append(line)
            ended = rows.line_num
            if len(lines) == ROWS:
                yield numbers, lines
                numbers, lines = [], []
    except csv.Error as error:
        raise NieError(
            f'{found}, line {ended + 1} must be a line of CSV, with quotes as in "a ""b""": {error}.'
        ) from error
    finally:
        csv.field_size_limit(before)
    if lines:
        yield numbers, lines
