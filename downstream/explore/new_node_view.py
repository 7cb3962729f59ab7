"""A form for a node that training never saw, and its score."""

from __future__ import annotations

from typing import Any

import dash
from dash import ALL, Input, Output, State, dcc, html

from downstream.answers.by_name import find_entity, find_relation
from downstream.answers.node_scores import number_text
from downstream.explore.elements import answered, definitions, heading, labelled, said, waiting
from downstream.explore.explored import Explored
from downstream.explore.naming import entity_field, relation_field
from downstream.explore.node_facts import NOTHING
from downstream.explore.questions import Fact
from downstream.explore.what_if_view import fact_words
from nie.errors import NieError

WAYS = {"out": "new node → neighbour", "in": "neighbour → new node"}
NEW = ""
"""What stands for the new node in a fact until it has its name."""


def new_node_view(explored: Explored) -> Any:
    """The view."""
    ways = [{"label": words, "value": name} for name, words in WAYS.items()]
    direction = dcc.Dropdown(ways, "out", id="new-way", clearable=False, searchable=False)
    return html.Div([
        heading("A new node", 1),
        html.P(
            "A node that training never saw gets a score from its facts and its text, as far as the run reads them. "
            "Nothing is trained again."
        ),
        html.Div([labelled("Name", dcc.Input(id="new-name", type="text", value="", autoComplete="off"), grow=True)],
                 className="controls"),
        labelled("Text", dcc.Textarea(id="new-text", value="", rows=4), grow=True),
        heading("Its facts"),
        html.Div(
            [
                labelled("Direction", direction, grow=True),
                relation_field("Relation", "new-relation"),
                entity_field("Neighbour", "neighbour"),
                html.Button("Add the fact", id="new-fact", type="button"),
            ],
            className="controls",
        ),
        html.Div(id="new-error"),
        html.Div(id="new-list", **{"aria-live": "polite"}),
        html.Div(html.Button("Score it", id="score-it", type="button", className="main"), className="controls"),
        waiting(html.Div(id="new-score", **{"aria-live": "polite"})),
        dcc.Store(id="new-facts", data=[]),
    ])  # fmt: skip


def add_new_node(app: dash.Dash, explored: Explored) -> None:
    """Keep the facts of the new node, and score it."""

    @app.callback(
        Output("new-facts", "data"), Output("new-error", "children"),
        Input("new-fact", "n_clicks"), Input({"type": "drop", "place": ALL}, "n_clicks"),
        State("new-facts", "data"), State("new-way", "value"), State("new-relation", "value"),
        State({"type": "entity", "place": "neighbour"}, "value"), prevent_initial_call=True,
    )  # fmt: skip
    def change(_add: Any, _drop: Any, facts: Any, way: Any, relation: Any, neighbour: Any) -> Any:
        if not any(one["value"] for one in dash.ctx.triggered):  # a button that has just appeared
            return dash.no_update, dash.no_update
        try:
            match dash.ctx.triggered_id:
                case "new-fact":
                    fact = list(_fact(explored, way, relation, neighbour))
                    return [*facts, *([] if fact in facts else [fact])], None
                case {"type": "drop", "place": place}:
                    return [fact for at, fact in enumerate(facts) if at != place], None
        except NieError as error:
            return dash.no_update, said(str(error))
        return dash.no_update, dash.no_update

    @app.callback(Output("new-list", "children"), Input("new-facts", "data"))
    @answered
    def show(facts: Any) -> Any:
        return _listed(_facts_of(facts, "new node"))

    @app.callback(
        Output("new-score", "children"), Input("score-it", "n_clicks"), State("new-name", "value"),
        State("new-text", "value"), State("new-facts", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @answered
    def score(_: Any, name: Any, text: Any, facts: Any) -> Any:
        called = str(name or "").strip()
        if not called:
            raise NieError("Give the new node a name.")
        if called in explored.kg.node_names:
            raise NieError("A node has this name already; give a new one, or ask what if on the card of that node.")
        words = str(text or "").strip()
        made = explored.questions.new_nodes(_facts_of(facts, called), {called: words} if words else {})
        return _told(explored, {column: values[0] for column, values in made.items()})


def _fact(explored: Explored, way: Any, relation: Any, neighbour: Any) -> Fact:
    kg, words = explored.kg, [str(word or "").strip() for word in (relation, neighbour)]
    if not all(words):
        raise NieError("Give a relation and a neighbour.")
    known = kg.relation_names[find_relation(kg, words[0])]
    other = kg.node_names[find_entity(kg, words[1])]
    return (other, known, NEW) if way == "in" else (NEW, known, other)


def _facts_of(data: Any, name: str) -> list[Fact]:
    try:
        return [(str(head) or name, str(relation), str(tail) or name) for head, relation, tail in data]
    except (TypeError, ValueError) as error:
        raise NieError("The list of facts is damaged; open this page again.") from error


def _listed(facts: list[Fact]) -> Any:
    if not facts:
        return html.P("No facts yet.", className="quiet")
    return html.Ul(
        [
            html.Li([
                fact_words(fact), " ",
                html.Button("Drop", id={"type": "drop", "place": place}, type="button", className="small",
                            **{"aria-label": f"Drop {fact_words(fact)}"}),
            ])
            for place, fact in enumerate(facts)
        ],
        className="changes",
    )  # fmt: skip


def _told(explored: Explored, one: dict[str, Any]) -> Any:
    interval = NOTHING if one["lower"] is None else f"{number_text(one['lower'])} to {number_text(one['upper'])}"
    rank = NOTHING if one["rank"] is None else f"{one['rank']:,} of {explored.kg.num_nodes + 1:,}"
    chance = NOTHING if one["p_top100"] is None else f"{one['p_top100']:.1%}"
    return [
        heading("Its score"),
        definitions([
            ("Score", html.Strong(number_text(one["score"]), className="figure")),
            (explored.interval_name, interval), ("Rank", rank), ("Chance of the top 100", chance),
            ("Type", one["type"]), ("Could not be computed", one["not_computed"] or "nothing"),
        ]),
    ]  # fmt: skip
