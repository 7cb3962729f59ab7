"""A report's tables and figures as Markdown and as one HTML page that opens from disk without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tabulate import tabulate

from nie.atomic import atomic_file
from nie.extras import require


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        heading: above it.
        headers: of its columns.
        rows: its cells.
        note: below it.
        marks: by (row, column), 1 for the best of a column and 2 for the second.
    """

    heading: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    marks: Mapping[tuple[int, int], int] = field(default_factory=dict)


def write_markdown(folder: Path, question: str, dataset: str, command: str, tables: Sequence[Table]) -> str:
    """Write ``table.md`` with the command on top, and return it."""
    paragraphs = [f"# {question}", f"{dataset}:", f"```bash\n{command}\n```"]
    for number, table in enumerate(tables):
        grid = tabulate(table.rows, table.headers, tablefmt="github", disable_numparse=True)
        heading = [] if number == 0 else [f"## {table.heading}"]
        paragraphs += [*heading, grid, *([table.note] if table.note else [])]
    text = "\n\n".join(paragraphs) + "\n"
    write_text(folder / "table.md", text)
    return text


def write_page(
    folder: Path, question: str, dataset: str, command: str, tables: Sequence[Table], figures: Mapping[str, str]
) -> None:
    """Write ``report.html``, with the figures (SVG by title) inside.

    Raises:
        NieError: the extra ``report`` is not installed.
    """
    jinja2 = require("jinja2", "report")
    source = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
    page = template.render(question=question, dataset=dataset, command=command, tables=tables, figures=figures)
    write_text(folder / "report.html", page)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
