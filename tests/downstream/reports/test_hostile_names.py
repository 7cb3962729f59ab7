"""Names that are markup in one of the formats that reports are written in: each is shown, and does nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from downstream.answers.completion import Completion, completion_table
from downstream.answers.node_scores import NodeScores, top_table
from downstream.reports import figures
from downstream.reports.figure_files import write_figures
from downstream.reports.page import Table, write_markdown, write_page
from downstream.reports.results import Results
from downstream.reports.tables import latex_table, markdown_table

NAMES = (
    "<script>alert(1)</script>", "</pre><img src=x onerror=alert(1)>", "a|b", "a\\|b", "\\", '"quoted\'', "=1+1",
    "`x` $\\frac$", "$a$", "a_1 {b}% #c^2~d", "../../up", "\x1b[31m\x00", "two\n\nlines", "![i](http://x.org/i.png)",
    "&lt;b&gt; & co", "--> <!-- b", "\u202egnp.exe", "{{ 7 * 7 }}", "```",
)  # fmt: skip


def results(*names: str) -> Results:
    return Results("toy", ("rmse",), {name: {0: {"rmse": 1.0}, 1: {"rmse": 2.0}} for name in names})


def cells_of(grid: str) -> list[list[str]]:
    """The cells of a table as a reader of Markdown sees them, before it looks for markup in them."""
    rows = []
    for line in grid.splitlines():
        row, escaped = [""], False
        for letter in line:
            if letter == "|" and not escaped:
                row.append("")
            else:
                row[-1] += letter
            escaped = letter == "\\" and not escaped
        rows.append([cell.strip() for cell in row[1:-1]])
    return rows


def grids(name: str) -> list[str]:
    """A row with the name in every table of Markdown."""
    completion = Completion("(a, b, ?)", [name], [name], [1.0], [False], False, 0, 0.0)
    nobody = np.zeros(2, bool)
    scores = NodeScores([name] * 2, [name, "Film"], np.ones(2), np.ones(2), ~nobody, nobody, nobody)
    texts = (markdown_table(results(name)), completion_table(completion), top_table(scores, "gcn"))
    return ["\n".join(line for line in text.splitlines() if line.startswith("|")) for text in texts]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_cell_of_markdown_holds_no_markup(name: str) -> None:
    for grid in grids(name):
        header, _, *rows = cells_of(grid)
        assert {len(row) for row in rows} == {len(header)}
        assert grid.isprintable() or set(filter(lambda letter: not letter.isprintable(), grid)) == {"\n"}
        shown = grid.splitlines()[2]
        for begins in ("<s", "</", "<i", "<!", "](", "&lt;"):
            assert shown.count(begins) == shown.count(f"\\{begins}"), begins


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_and_its_markdown_show_names_and_commands_as_text(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")

    def written(name: str) -> tuple[Tags, str]:
        table = Table(name, [name, "x"], [[name, "<0.001"]], name)
        given = ("What?", "toy", f"nie study '{name}'", [table, table])
        write_page(tmp_path, *given, figures={name: "<svg></svg>"})
        return Tags((tmp_path / "report.html").read_text()), write_markdown(tmp_path, *given)

    plain, markdown = written("plain")
    assert "| <0.001 |" in markdown
    for name in NAMES:
        page, text = written(name)
        assert page.tags == plain.tags
        assert "alert(1)" in page.text or "alert(1)" not in name
        assert "49" not in page.text
        assert not any(letter in page.text + text for letter in "\x00\x1b\u202e")
        before, fence, after = (part.splitlines() for part in text.split("```bash\n")[1].partition("\n```\n"))
        assert (len(before), fence[-1], bool(after)) == (1, "```", True)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_in_latex_has_no_command_of_its_own(name: str) -> None:
    (line,) = [line for line in latex_table(results(name)).splitlines() if "textbf" in line]
    cell = line.partition(r" & \textbf")[0]
    for command in (r"\textbackslash{}", r"\textasciicircum{}", r"\textasciitilde{}", r"\textless{}", r"\textgreater{}",
                    r"\textbar{}", *(f"\\{letter}" for letter in "&%$#_{}")):  # fmt: skip
        cell = cell.replace(command, "")
    assert not set(cell) & set("\\&%$#_{}^~<>|")
    assert cell.isprintable()


FIGURES: dict[str, Callable[[str], Any]] = {
    "fold points": lambda name: figures.fold_points(results(name), ("rmse",)),
    "cost": lambda name: figures.training_cost({name: 1.0}),
    "lines": lambda name: figures.lines({name: {0.0: 1.0, 1.0: 2.0}}, "x", "y"),
    "maps": lambda name: figures.embedding_maps({name: np.eye(2)}, np.ones(2), np.ones(2)),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_is_drawn_whatever_a_row_is_called(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("$\\frac$ <script> --> \x1b]", "a $ b"):
        svg = write_figures(tmp_path, {"figure": FIGURES[kind](name)})["figure"]
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
        assert tags <= {"svg", "metadata", "RDF", "Work", "type", "date", "format", "creator", "Agent", "title", "defs",
                        "style", "g", "path", "use", "clipPath", "rect", "image", "text", "pattern"}  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"figure.png", "figure.svg"}
