"""The report of a job as one page that opens from disk: no network, no other file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.answers.coverage import reliability
from downstream.answers.node_scores import NodeScores
from downstream.answers.report_facts import report_facts
from downstream.answers.styled_page import styled_page
from downstream.reports.figure_files import in_any_light, inside_a_page, svg_text
from downstream.reports.figures import predicted_against_true, reliability_curve
from downstream.reports.page import PACKAGES, write_text
from nie.data import KnowledgeGraph
from nie.disk.writable import check_writable
from nie.errors import NieError, shown
from nie.extras import require_all
from nie.runs.run import Run

_HARMLESS = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&"}
"""Letters that could end a <script>, or begin markup in it, as JSON writes them otherwise."""


def write_report_page(
    path: str | Path, *, command: str, kg: KnowledgeGraph, runs: Mapping[str, Run], chosen: Run, scores: NodeScores,
    remarks: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write the report of a job: what came out, a ranking to search, how good it is, what it was made from.

    Names of nodes, texts and the command may hold anything: they are shown as text. Without JavaScript all but the
    ranking is there.

    Args:
        path: of the page, such as ``report.html``.
        command, kg, runs, chosen, scores, remarks: as `downstream.answers.report_facts.report_facts` takes them.

    Raises:
        NieError: the extra ``report`` is not installed, or the page cannot be written.
    """
    facts = report_facts(command=command, kg=kg, runs=runs, chosen=chosen, scores=scores, remarks=remarks)
    drawings = {"figure": predicted_against_true(facts["chosen"], chosen, kg)}
    if facts["coverage"] and scores.intervals is not None:
        drawings["reliability"] = reliability_curve(reliability(scores.intervals.calibration))
    figures = {name: in_any_light(inside_a_page(svg_text(drawing))) for name, drawing in drawings.items()}
    page = styled_page("report_page.html.jinja", **facts, **figures, data=script_data(facts["ranking"]))
    write_text(Path(path), page)


def check_page(path: str | Path) -> Path:
    """Return ``path`` if a page can be written there; called before a long job as well as after it.

    Raises:
        NieError: another file ending, a place that cannot be written, or the extra ``report`` is not installed.
    """
    target = Path(path)
    if target.suffix not in (".html", ".htm"):
        raise NieError(f"{shown(str(target))} must end in .html.")
    check_writable(target)
    require_all(PACKAGES)
    return target


def script_data(value: Any) -> str:
    r"""JSON that can stand inside a <script> of a page: pure ASCII that ends no element.

    >>> script_data({"name": "</script><b>", "letter": "Ł"})
    '{"name":"\\u003c/script\\u003e\\u003cb\\u003e","letter":"\\u0141"}'
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).translate(_HARMLESS)
