"""Columns as a table of pandas, or as a list of dicts where pandas is not installed."""

from __future__ import annotations

import csv
import html
import importlib
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from nie.foreign import csv_cell, visible

Columns = Mapping[str, Sequence[Any]]

KINDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("node", "type", "text", "not_computed", "head", "relation", "tail", "neighbour", "method"), "words"
    ),
    **dict.fromkeys(("rank", "rank_before", "rank_after"), "whole or none"),
    **dict.fromkeys(("rank_in_type", "similar", "folds"), "whole"),
    **dict.fromkeys(("held_out", "extrapolated"), "truth"),
}
"""By name what a column of any answer holds, whatever its rows tell; all others hold real numbers or none."""
REAL = "real"
_PANDAS = {"words": "str", "whole or none": "Int64", "whole": "int64", "truth": "bool", REAL: "float64"}


def as_frame(columns: Columns) -> Any:
    """A ``pandas.DataFrame`` of the columns; without pandas (extra ``frames``), a dict for each row.

    >>> len(as_frame({"node": ["a", "b"], "score": [1.0, 2.0]}))
    2
    """
    if importlib.util.find_spec("pandas") is None:
        return as_records(columns)
    pandas = importlib.import_module("pandas")
    kinds = {name: _PANDAS[KINDS.get(name, REAL)] for name in columns}
    return pandas.DataFrame({name: pandas.Series(values, dtype=kinds[name]) for name, values in columns.items()})


def as_records(columns: Columns) -> list[dict[str, Any]]:
    """A dict for each row.

    >>> as_records({"node": ["a", "b"], "score": [1.0, 2.0]})
    [{'node': 'a', 'score': 1.0}, {'node': 'b', 'score': 2.0}]
    """
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def as_csv(columns: Columns) -> str:
    r"""CSV with a header, without a line break at the end; words are `nie.foreign.csv_cell`, and None is empty.

    >>> as_csv({"node": ["=1+1", "b"], "score": [1.0, None]})
    "node,score\n'=1+1,1.0\nb,"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue().rstrip("\n")


def as_json(value: Any) -> str:
    r"""JSON of several lines that can be printed: what is no letter stands as an escape of JSON.

    >>> as_json({"Łódź": "a\x9bb"})
    '{\n  "Łódź": "a\\u009bb"\n}'
    """
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)


def as_html(title: str, columns: Columns, rows: int = 10) -> str:
    """The first rows under a title, as notebooks show them; whatever names there are is text.

    >>> as_html("A & B", {"node": ["<a>"], "score": [0.123456]})
    '<p>A &amp; B</p><table><tr><th>node</th><th>score</th></tr><tr><td>&lt;a&gt;</td><td>0.1235</td></tr></table>'
    """
    head = _row("th", columns)
    body = [_row("td", record.values()) for record in as_records({key: of[:rows] for key, of in columns.items()})]
    return f"<p>{_text(title)}</p><table>{head}{''.join(body)}</table>"


def _row(cell: str, values: Any) -> str:
    return f"<tr>{''.join(f'<{cell}>{_text(value)}</{cell}>' for value in values)}</tr>"


def _text(value: Any) -> str:
    said = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return html.escape(visible(said))
