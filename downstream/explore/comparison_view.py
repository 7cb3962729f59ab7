"""The view of two runs beside each other."""

from __future__ import annotations

from typing import Any

from dash import html

from downstream.explore.elements import grid, heading
from downstream.explore.explored import Explored
from downstream.explore.places import Places
from downstream.explore.ranking import Query
from downstream.explore.ranking_view import node_table
from downstream.metrics.registry import title
from downstream.reports.comparisons import FOLDS_NOTE, TESTED_HEADERS, tested_cells
from downstream.reports.tables import headers_of, measured_rows
from downstream.stages.importance import IMPORTANCE

DISAGREEING = 20
"""Nodes that are listed on which the two runs disagree most."""


def comparison_view(explored: Explored, places: Places) -> Any:
    """Figures, tests, and the nodes on which they disagree."""
    found = explored.comparison
    if found is None:
        return html.Div([
            heading("Two runs", 1),
            html.P("Only one run is open. Start nie explore with --against and the folder of another one."),
        ])  # fmt: skip
    tests = [[title(one.metric), *tested_cells(one)] for one in found.comparisons]
    nodes = explored.ranking.find(Query(sort="disagreement")).nodes[:DISAGREEING]
    return html.Div([
        heading("Two runs", 1),
        html.P(found.verdict, className="lead"),
        grid(
            [*headers_of(found.results), IMPORTANCE.unit], measured_rows(found.results),
            caption="Figures of both on test nodes",
        ),
        heading("Differences, the first less the second", 3),
        grid(["metric", *TESTED_HEADERS], tests, caption="Paired tests"),
        html.P(FOLDS_NOTE, className="quiet"),
        *([html.P("They read other texts or features of the same nodes and labels.")] if found.other_data else []),
        heading("Where they disagree most", 3),
        node_table(explored, places, nodes),
    ])  # fmt: skip
