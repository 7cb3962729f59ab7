"""The card of a node: what is known of it, why it has its score, and what if."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from downstream.explore.elements import definitions, heading
from downstream.explore.explored import Explored
from downstream.explore.node_facts import NOTHING, NodeFacts, full_text
from downstream.explore.what_if_view import what_if_view
from downstream.explore.why_view import why_view

LONG = 600
"""Letters of a text above which it is folded."""


def card(explored: Explored, node: int) -> Any:
    """The card of a node, by its number; explanations are filled in when it is there."""
    one = NodeFacts.of(explored.ranking, node)
    return html.Article([
        heading(one.name, 1),
        html.P([one.type, f", {one.degree} edges"], className="quiet"),
        definitions(_known(explored, one)),
        _text(full_text(explored.ranking, node)),
        dcc.Store(id="node", data=node),
        why_view(),
        what_if_view(explored, node),
    ])  # fmt: skip


def _known(explored: Explored, one: NodeFacts) -> list[tuple[str, Any]]:
    truth = {None: NOTHING, True: f"{one.known} (a model behind the score had learned from it)", False: one.known}
    pairs = [
        ("Score", html.Strong(one.score, className="figure")),
        (explored.interval_name, one.interval),
        ("In truth", truth[one.seen]),
        ("The score is", one.off if one.off != NOTHING else ""),
        ("Rank", f"{one.rank} of all, {one.rank_in_type} of its type"),
        ("Chance of the top 100", one.top),
        (f"Score by {explored.other_name}" if explored.other_name else "", one.other),
    ]
    return [(words, value) for words, value in pairs if words and value]


def _text(text: str) -> Any:
    if len(text) <= LONG:
        return html.P(text)
    return html.Details([html.Summary(f"{text[: LONG // 2]} …"), html.P(text)])
