"""A report's tables and figures as Markdown and as one HTML page that opens from disk without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from downstream.reports.tables import markdown_grid
from nie.disk.atomic import atomic_file
from nie.extras import Package, require
from nie.foreign import markdown_text, visible

PACKAGES = (Package("matplotlib", "report"), Package("jinja2", "report"))
"""What a report with figures needs."""


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
    paragraphs = [f"# {question}", f"{markdown_text(dataset)}:", f"```bash\n{visible(command, kept='')}\n```"]
    for number, table in enumerate(tables):
        heading = [] if number == 0 else [f"## {markdown_text(table.heading)}"]
        note = [markdown_text(table.note)] if table.note else []
        paragraphs += [*heading, markdown_grid(table.headers, table.rows), *note]
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
    page = rendered(
        Path(__file__).with_name("report.html.jinja"),
        question=question, dataset=dataset, command=command, tables=tables, figures=figures,
    )  # fmt: skip
    write_text(folder / "report.html", page)


def rendered(template: Path, **values: Any) -> str:
    """A page from its template; text in ``values`` is shown as it is, and markup or control characters do nothing.

    Raises:
        NieError: the extra ``report`` is not installed.
    """
    jinja2 = require("jinja2", "report")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_inert)
    page: str = environment.from_string(template.read_text(encoding="utf-8")).render(values)
    return page


def _inert(value: object) -> object:
    """Text without control characters; pictures, which jinja2 has in a class of their own, are as they are."""
    return visible(value) if type(value) is str else value


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
