"""The views of the calibration and of the errors."""

from __future__ import annotations

import base64
from typing import Any

from dash import dcc, html

from downstream.explore.elements import heading, report_table
from downstream.explore.explored import Explored
from downstream.explore.places import Places
from downstream.explore.quality import Quality
from downstream.explore.ranking import Query
from downstream.explore.ranking_view import node_table

WORST = 20
"""Nodes that are listed with the largest errors."""


def calibration_view(quality: Quality) -> Any:
    """How many intervals hold."""
    parts = [
        heading("How sure the scores are", 1),
        *(html.P(sentence, className="warn") for sentence in quality.warnings),
    ]
    if quality.coverage is None:
        return html.Div([*parts, html.P("There are too few held-out nodes for intervals.")])
    return html.Div([
        *parts,
        report_table(quality.coverage),
        _drawing(
            quality.reliability, "The share of test nodes inside their intervals against the share that is meant to be",
            "Test nodes whose importance is inside their interval, for intervals of 10 % to 95 %: on the line, they "
            "hold what they say. The narrowest may hold more, as each holds its score.",
        ),
    ])  # fmt: skip


def errors_view(explored: Explored, quality: Quality, places: Places) -> Any:
    """Where the scores are off."""
    worst = explored.ranking.find(Query(sort="error", held_out=True)).nodes[:WORST]
    return html.Div([
        heading("Where the scores are off", 1),
        _drawing(
            quality.against_truth, "Predictions against the truth",
            "Test nodes of all folds, which the model had not seen: the nearer to the line, the better.",
        ),
        *map(report_table, quality.errors),
        heading(f"The {len(worst)} largest errors", 3),
        node_table(explored, places, worst, errors=True),
        html.P([dcc.Link("The ranking", href=places.view("")), " has all in this order."], className="quiet"),
    ])  # fmt: skip


def _drawing(svg: str, words: str, caption: str) -> Any:
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    return html.Figure([html.Img(src=source, alt=words), html.Figcaption(caption)])
