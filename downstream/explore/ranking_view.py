"""The view of the ranking: search, filters, an order, and pages of nodes."""

from __future__ import annotations

from typing import Any

import dash
from dash import Input, Output, State, dcc, html

from downstream.explore.elements import grid, heading, labelled
from downstream.explore.explored import Explored
from downstream.explore.node_facts import NodeFacts
from downstream.explore.places import Places
from downstream.explore.ranking import Query
from nie.foreign import one_line

SORT_WORDS = {
    "rank": "Rank",
    "name": "Name",
    "degree": "Most edges",
    "truth": "True importance",
    "error": "Largest error",
    "interval": "Least sure",
    "disagreement": "The two runs disagree most",
}
HELD_OUT = {
    "all": "All nodes", "yes": "Truth known, but not to the model", "no": "Truth known to a model behind the score",
}  # fmt: skip
MEANT = {"all": None, "yes": True, "no": False}
KEPT: dict[str, Any] = {"persistence": True, "persistence_type": "memory"}
"""What was chosen is there again when one comes back from a card."""
PAUSE = 0.25
"""Seconds without a letter after which a search begins."""


def ranking_view(explored: Explored) -> Any:
    """The view; its rows are filled in when it is there."""
    types = [{"label": f"{one_line(name, 80)} ({count:,})", "value": name} for name, count in explored.ranking.types]
    sorts = [{"label": SORT_WORDS[name], "value": name} for name in explored.ranking.sorts]
    search = dcc.Input(id="search", type="search", debounce=PAUSE, placeholder="Name or text", **KEPT)
    truths = [{"label": words, "value": name} for name, words in HELD_OUT.items()]
    held_out = dcc.Dropdown(truths, "all", id="held-out", clearable=False, searchable=False, **KEPT)
    degrees = {
        end: dcc.Input(id=f"{end}-degree", type="number", min=0, step=1, debounce=PAUSE, className="short", **KEPT)
        for end in ("least", "most")
    }
    return html.Div([
        heading("Ranking", 1),
        html.Div(
            [
                labelled("Search", search, grow=True),
                labelled("Order", dcc.Dropdown(sorts, "rank", id="sort", clearable=False, searchable=False, **KEPT)),
                labelled("Type", dcc.Dropdown(types, id="type", placeholder="All types", **KEPT), grow=True),
                labelled("Truth", held_out),
                labelled("Least edges", degrees["least"]),
                labelled("Most edges", degrees["most"]),
            ],
            className="controls", role="search",
        ),
        html.P(id="count", className="quiet", role="status"),
        html.Div(id="rows"),
        html.Nav(
            [
                html.Button("Previous", id="previous", type="button"),
                html.Span(id="page-of", role="status"),
                html.Button("Next", id="next", type="button"),
            ],
            className="pages", **{"aria-label": "Pages"},
        ),
        html.P(
            "A node without a rank is of a type of which no node has a known importance. A truth with * was among "
            "those that a model behind the score had learned from.",
            className="quiet",
        ),
        dcc.Store(id="page", data=1),
    ])  # fmt: skip


def add_ranking(app: dash.Dash, explored: Explored, places: Places) -> None:
    """Fill the rows in."""
    controls = [Input(name, "value") for name in ("search", "sort", "type", "held-out", "least-degree", "most-degree")]

    @app.callback(
        Output("rows", "children"), Output("count", "children"), Output("page-of", "children"),
        Output("previous", "disabled"), Output("next", "disabled"), Output("page", "data"),
        *controls, Input("previous", "n_clicks"), Input("next", "n_clicks"), State("page", "data"),
    )  # fmt: skip
    def fill(
        search: Any, sort: Any, kind: Any, held_out: Any, least: Any, most: Any, _before: Any, _after: Any, page: Any
    ) -> Any:
        step = {"previous": -1, "next": 1}.get(dash.ctx.triggered_id)
        found = explored.ranking.find(Query(
            search=str(search or ""), type=kind, least_degree=_whole(least), most_degree=_whole(most),
            held_out=MEANT.get(held_out), sort=str(sort), page=1 if step is None else (_whole(page) or 1) + step,
        ))  # fmt: skip
        count = f"{found.total:,} node{'' if found.total == 1 else 's'}"
        of = f"Page {found.page:,} of {found.pages:,}"
        rows = node_table(explored, places, found.nodes)
        return rows, count, of, found.page == 1, found.page == found.pages, found.page


def node_table(explored: Explored, places: Places, nodes: list[int], *, errors: bool = False) -> Any:
    """A table of nodes, with a link to the card of each."""
    compared = [explored.other_name] if explored.other_name and not errors else []
    last = "by how much it is off" if errors else "top 100"
    headers = ["rank", "node", "type", "edges", "score", *compared, explored.interval_name, "truth", last]
    rows = []
    for one in (NodeFacts.of(explored.ranking, node) for node in nodes):
        link = dcc.Link(one.name, href=places.card(one.node))
        name = html.Div([link, html.Small(one.text)] if one.text else link)
        truth = one.known + (" *" if one.seen else "")
        other = [one.other for _ in compared]
        kind = html.Span(one.type, className="kind", title=one.type)
        rows.append(
            [one.rank, name, kind, one.degree, one.score, *other, one.interval, truth, one.off if errors else one.top]
        )
    return html.Div(grid(headers, rows, caption="Nodes", words=3), className="ranking")


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and abs(value) < 1e12 else None
