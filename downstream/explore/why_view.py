"""Why a node has its score: the sum, its facts as bars, and its neighbours as a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash
import dash_cytoscape
from dash import Input, Output, dcc, html

from downstream.answers.by_name import name_end
from downstream.answers.explanation import Explanation, FactShare
from downstream.answers.explanation_text import (
    HEADINGS,
    about_facts,
    counted,
    drawn_in_text,
    missed,
    other_facts,
    signed,
)
from downstream.explore.elements import bar, definitions, directed, grid, heading, labelled, said, waiting
from downstream.explore.explored import Explored
from downstream.explore.neighbours import MOST, STYLESHEET, neighbour_elements
from downstream.explore.places import Places
from nie.errors import NieError
from nie.foreign import one_line
from nie.vocabulary import EXPLANATIONS

METHOD_WORDS = {"ig": "Contributions", "leave-one-out": "Worth of each fact alone", "attention": "Attention"}
SHOWN = (10, 50, 200)
"""How many facts can be shown."""


def why_view() -> Any:
    """The section; it is filled in when it is there."""
    methods = [{"label": METHOD_WORDS[name], "value": name} for name in EXPLANATIONS]
    counts = [{"label": f"{count} facts", "value": count} for count in SHOWN]
    return html.Section([
        heading("Why it has this score"),
        html.Div(
            [
                labelled("What is shown", dcc.Dropdown(
                    methods, "ig", id="why-method", clearable=False, searchable=False
                )),
                labelled("How many", dcc.Dropdown(counts, SHOWN[0], id="why-count", clearable=False, searchable=False)),
            ],
            className="controls",
        ),
        waiting(html.Div(id="why", **{"aria-live": "polite"})),
        dcc.Store(id="shown-facts", data=[]),
    ])  # fmt: skip


def add_why(app: dash.Dash, explored: Explored, places: Places) -> None:
    """Explain the node of a card, and lead from a neighbour to its card."""
    numbers = {name: node for node, name in enumerate(explored.kg.node_names)}

    @app.callback(
        Output("why", "children"), Output("shown-facts", "data"),
        Input("node", "data"), Input("why-method", "value"), Input("why-count", "value"),
    )  # fmt: skip
    def explain(node: Any, method: Any, count: Any) -> Any:
        if type(node) is not int or not 0 <= node < explored.kg.num_nodes or count not in SHOWN:
            return said("There is no such node."), []
        try:
            one = explored.questions.explain(node, str(method))
        except NieError as error:
            return said(str(error)), []
        shown = one.facts[:count]
        return _explained(one, shown, numbers, places), [[fact.head, fact.relation, fact.tail] for fact in shown]

    @app.callback(Output("place", "pathname"), Input("neighbours", "tapNodeData"), prevent_initial_call=True)
    def lead(tapped: Any) -> Any:
        number = str(tapped.get("id", "")) if isinstance(tapped, dict) else ""
        return places.card(int(number)) if number.isdigit() else dash.no_update


def _explained(one: Explanation, shown: Sequence[FactShare], numbers: Mapping[str, int], places: Places) -> Any:
    parts = []
    if one.sum:
        pairs = [(one_line(name, 100), f"{value:+.3f}") for name, value in one.sum.items()]
        parts.append(
            definitions(
                [*pairs, ("the score, as a logarithm" if one.scale == "log1p" else "the score", f"{one.score:.3f}")]
            )
        )
    if misses := missed(one):
        parts.append(html.P(misses, className="warn"))
    parts += [html.P(said) for said in (drawn_in_text(one), counted(one), about_facts(one)) if said]
    if not one.reads_facts:
        return parts
    parts.append(_facts(one, shown, numbers, places))
    if rest := other_facts(one, len(shown)):
        parts.append(html.P(rest, className="quiet"))
    parts += [_graph(one, numbers), _totals(one)]
    return parts


def _facts(one: Explanation, shown: Sequence[FactShare], numbers: Mapping[str, int], places: Places) -> Any:
    largest = max(abs(fact.contribution) for fact in one.facts) or 1.0
    rows = []
    for place, fact in enumerate(shown):
        other = numbers[fact.tail if fact.head == one.node else fact.head]
        words = f"{name_end(fact.relation, 60)} {fact.neighbour}"
        button = html.Button(
            "Take away", id={"type": "take-away", "fact": place}, type="button", **{"aria-label": f"Take away {words}"}
        )
        value = html.Div([signed(one, fact.contribution), bar(fact.contribution / largest)])
        link = dcc.Link(one_line(fact.neighbour, 100), href=places.card(other))
        rows.append([directed(fact.relation, leaving=fact.head == one.node), link, value, button])
    headers = ["relation", "neighbour", HEADINGS[one.method], ""]
    return html.Div(grid(headers, rows, caption="Facts", words=2), className="facts")


def _graph(one: Explanation, numbers: Mapping[str, int]) -> Any:
    drawn = min(len(one.facts), MOST)
    return html.Figure([
        dash_cytoscape.Cytoscape(
            id="neighbours", elements=neighbour_elements(one, numbers), stylesheet=STYLESHEET, minZoom=0.3, maxZoom=2,
            layout={"name": "preset", "fit": True, "padding": 40}, className="graph", userZoomingEnabled=False,
            autoungrabify=True, boxSelectionEnabled=False, responsive=True,
            style={"width": "100%", "height": "30rem"},
        ),
        html.Figcaption(
            f"The {drawn} facts above all others: blue lines raise the score, orange and dashed ones lower it, and the "
            "widest count most. A click on a neighbour opens its card; the table has the same in words."
        ),
    ])  # fmt: skip


def _totals(one: Explanation) -> Any:
    totals = list(one.by_relation.items())[: SHOWN[0]]
    largest = max((abs(value) for _, value in totals), default=0.0) or 1.0
    rows = [[name_end(name, 60), html.Div([signed(one, value), bar(value / largest)])] for name, value in totals]
    table = grid(["relation", HEADINGS[one.method]], rows, caption="All facts of a relation")
    return html.Details([html.Summary("All facts of a relation together"), html.Div(table, className="facts")])
