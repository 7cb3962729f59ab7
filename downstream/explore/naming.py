"""Fields in which nodes and relations are named, with names to choose from while one types."""

from __future__ import annotations

from typing import Any

import dash
from dash import ALL, Input, Output, dcc, html

from downstream.answers.by_name import short
from downstream.explore.elements import labelled
from downstream.explore.explored import Explored
from downstream.explore.ranking import Query
from nie.foreign import one_line

OFFERED = 12
"""Nodes that are offered for what has been typed."""
ENTITIES, RELATIONS = "entities", "relations"


def name_lists(explored: Explored) -> Any:
    """The names that the fields offer; relations are all there, nodes come with what is typed."""
    relations = [html.Option(value=name) for name in explored.kg.relation_names]
    return html.Div([html.Datalist(relations, id=RELATIONS), html.Datalist(id=ENTITIES)])


def entity_field(words: str, place: str, value: str = "") -> Any:
    """A field for the name of a node, or the first words of its text."""
    identifier = {"type": "entity", "place": place}
    control = dcc.Input(id=identifier, type="text", value=value, list=ENTITIES, autoComplete="off")
    return html.Div(html.Label([words, control]), className="field grow")


def relation_field(words: str, identifier: str) -> Any:
    """A field for the name of a relation, or the words in it."""
    return labelled(words, dcc.Input(id=identifier, type="text", list=RELATIONS, autoComplete="off"), grow=True)


def add_naming(app: dash.Dash, explored: Explored) -> None:
    """Offer nodes for what is typed."""

    @app.callback(
        Output(ENTITIES, "children"), Input({"type": "entity", "place": ALL}, "value"), prevent_initial_call=True
    )
    def offer(_: Any) -> Any:
        typed = next((one["value"] for one in dash.ctx.triggered if isinstance(one["value"], str)), "")
        nodes = explored.ranking.find(Query(search=typed)).nodes[:OFFERED] if typed.strip() else []
        kg = explored.kg
        return [html.Option(value=kg.node_names[node], label=one_line(short(kg.text[node]), 80)) for node in nodes]
