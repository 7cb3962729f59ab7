"""What can be read of the page without asking the run, as one file that opens from disk and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from downstream.answers.by_name import name_end
from downstream.answers.explanation import Explanation
from downstream.answers.explanation_text import about_facts, counted, drawn_in_text, missed, other_facts, signed
from downstream.answers.report_page import check_page, script_data
from downstream.answers.styled_page import styled_page
from downstream.explore.explored import Explored
from downstream.explore.node_facts import NodeFacts
from downstream.explore.quality import Quality
from downstream.metrics.registry import title
from downstream.reports.comparisons import FOLDS_NOTE, TESTED_HEADERS, tested_cells
from downstream.reports.figure_files import inside_a_page
from downstream.reports.page import Table, write_text
from downstream.reports.tables import headers_of, measured_rows
from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from nie.foreign import one_line
from nie.progress import track

EXPLAINED = 20
"""Nodes at the top whose score is explained, where nothing else is said."""
MOST_NODES = 50_000
"""Nodes in the file, so that it opens at once."""
FACTS = 12
"""Facts of an explanation."""
HERE = Path(__file__).parent


def write_export(path: str | Path, explored: Explored, explained: int = EXPLAINED) -> None:
    """Write the file.

    Names and texts may hold anything: they are shown as text, and the browser runs that script alone whose
    digest the page's Content-Security-Policy names.

    Args:
        path: of the page, such as ``page.html``.
        explored: what it is about.
        explained: how many nodes at the top have their explanation in it.

    Raises:
        NieError: the extra ``explore`` is not installed, or the page cannot be written.
    """
    target, script = check_page(path), (HERE / "export.js").read_text(encoding="utf-8")
    quality, nodes = Quality.of(explored), explored.ranking.scores.order[:MOST_NODES]
    why, why_not = _explanations(explored, nodes[:explained])
    page = styled_page(
        str(HERE / "export.html.jinja"),
        title=explored.title,
        interval=explored.interval_name,
        total=explored.kg.num_nodes,
        nodes=len(nodes),
        explained=len(why),
        why_not=why_not,
        other=explored.other_name,
        warnings=quality.warnings,
        tables=_tables(explored, quality),
        drawings={name: inside_a_page(svg) for name, svg in _drawings(quality).items()},
        verdict="" if explored.comparison is None else explored.comparison.verdict,
        own_style=(HERE / "explore.css").read_text(encoding="utf-8"),
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=script_data(_ranking(explored, nodes) | {"why": why}),
    )
    write_text(target, page)


def _drawings(quality: Quality) -> dict[str, str]:
    return {
        name: svg
        for name, svg in (
            ("Test nodes inside their intervals, against the share that is meant to be", quality.reliability),
            ("Predictions of test nodes against the truth", quality.against_truth),
        )
        if svg
    }


def _tables(explored: Explored, quality: Quality) -> list[Table]:
    tables = [*([quality.coverage] if quality.coverage else []), *quality.errors]
    if (found := explored.comparison) is not None:
        tests = [[title(one.metric), *tested_cells(one)] for one in found.comparisons]
        tables.append(Table("Two runs", [*headers_of(found.results), IMPORTANCE.unit], measured_rows(found.results)))
        tables.append(Table("The first less the second", ["metric", *TESTED_HEADERS], tests, FOLDS_NOTE))
    return tables


def _ranking(explored: Explored, nodes: list[int]) -> dict[str, Any]:
    """The nodes by rank: in words what is shown, and the numbers that filters need."""
    columns = ["name", "text", "rank", "rank_in_type", "degree", "score", "interval", "known", "seen", "top", "off"]
    columns += ["other"] if explored.other is not None else []
    ranking, types = explored.ranking, [name for name, _ in explored.ranking.types]
    number = {name: place for place, name in enumerate(types)}
    words = [NodeFacts.of(ranking, node) for node in nodes]
    return {
        "columns": [*columns, "node", "type", "edges"],
        "rows": [
            [*(getattr(one, column) for column in columns), one.node, number[ranking.scores.type[one.node]],
             int(ranking.degree[one.node])]
            for one in words
        ],
        "types": [one_line(name, 100) for name in types],
    }  # fmt: skip


def _explanations(explored: Explored, nodes: list[int]) -> tuple[dict[int, Any], str]:
    """By node what its score is owed to, or why nobody can say; and the latter alone, where it holds for all nodes."""
    numbers = {name: node for node, name in enumerate(explored.kg.node_names)}
    made, refused = dict[int, Any](), dict[int, Any]()
    for node in track(nodes, "explanations", total=len(nodes)):
        try:
            made[node] = _told(explored.questions.explain(node), numbers)
        except NieError as error:
            refused[node] = {"sum": [], "notes": [str(error)], "rest": "", "facts": []}
    reasons = {said for one in refused.values() for said in one["notes"]}
    return ({}, reasons.pop()) if not made and len(reasons) == 1 else (made | refused, "")


def _told(one: Explanation, numbers: Mapping[str, int]) -> dict[str, Any]:
    notes = missed(one), drawn_in_text(one), counted(one), about_facts(one)
    return {
        "sum": [[one_line(name, 100), f"{value:+.3f}"] for name, value in one.sum.items()],
        "notes": [said for said in notes if said],
        "rest": other_facts(one, FACTS),
        "facts": [
            [
                numbers[fact.tail if fact.head == one.node else fact.head], one_line(fact.neighbour, 100),
                name_end(fact.relation, 60), fact.head == one.node, signed(one, fact.contribution),
                float(f"{fact.contribution:.4g}"),
            ]
            for fact in (one.facts[:FACTS] if one.reads_facts else ())
        ],
    }  # fmt: skip
