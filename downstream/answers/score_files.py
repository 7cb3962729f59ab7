"""The scores of all nodes as a file: CSV, Parquet or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.answers.frame import KINDS, REAL, as_records
from downstream.answers.node_scores import NodeScores
from nie.disk.atomic import atomic_file
from nie.disk.writable import check_writable
from nie.errors import NieError, shown
from nie.extras import require
from nie.foreign import csv_cell

Columns = Mapping[str, list[Any]]

_PARQUET = {"words": "string", "whole or none": "int64", "whole": "int64", "truth": "bool_", REAL: "float64"}
"""The types of Parquet by kind, which a column of nothing but None would not tell."""


def write_scores(scores: NodeScores, path: str | Path) -> None:
    """Write `NodeScores.columns` as `write_columns` does."""
    write_columns(scores.columns(), path)


def write_columns(columns: Columns, path: str | Path) -> None:
    """Write columns of scores as ``.csv``, ``.parquet`` or ``.json``, a list of records.

    Names are as they are in Parquet and JSON, and `nie.foreign.csv_cell` in CSV. What there is not is an empty cell, or
    null.

    Raises:
        NieError: another file ending, or Parquet without the extra ``report``.
    """
    target = check_target(path)
    with atomic_file(target) as temporary:
        _WRITERS[target.suffix](columns, temporary)


def check_target(path: str | Path, endings: Sequence[str] = ()) -> Path:
    """Return ``path`` if a table can be written there; called before a long job as well as after it.

    Args:
        path: of the file.
        endings: that it may have, by default those of scores.

    Raises:
        NieError: another file ending, a place that cannot be written, or Parquet without the extra ``report``.
    """
    target, endings = Path(path), endings or tuple(_WRITERS)
    if target.suffix not in endings:
        raise NieError(f"{shown(str(target))} must end in {', '.join(endings[:-1])} or {endings[-1]}.")
    check_writable(target)
    if target.suffix == ".parquet":
        require("pyarrow", "report")
    return target


def _write_csv(columns: Columns, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        words = {name: map(csv_cell, columns[name]) for name in columns if KINDS.get(name) == "words"}
        writer.writerows(zip(*{**columns, **words}.values(), strict=True))


def _write_parquet(columns: Columns, path: Path) -> None:
    pyarrow, parquet = require("pyarrow", "report"), require("pyarrow.parquet", "report")
    schema = pyarrow.schema([(name, getattr(pyarrow, _PARQUET[KINDS.get(name, REAL)])()) for name in columns])
    parquet.write_table(pyarrow.table(dict(columns), schema), path)


def _write_json(columns: Columns, path: Path) -> None:
    lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) for record in as_records(columns))
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


_WRITERS: Mapping[str, Callable[[Columns, Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".json": _write_json,
}
