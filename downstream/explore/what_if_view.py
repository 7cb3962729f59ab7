"""What if: facts are taken away from the card, or added, and the run is asked for the scores of that graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import dash
from dash import ALL, Input, Output, State, dcc, html

from downstream.answers.by_name import find_entity, find_relation, name_end
from downstream.answers.suggestions import Suggestions
from downstream.answers.what_if import WhatIf, what_if_rows
from downstream.explore.elements import answered, directed, grid, heading, said, waiting
from downstream.explore.explored import Explored
from downstream.explore.naming import entity_field, relation_field
from downstream.explore.questions import Fact
from nie.errors import NieError
from nie.foreign import one_line

SUGGESTED = 5
"""Facts that are suggested."""
NOTHING_YET: dict[str, list[list[str]]] = {"remove": [], "add": []}
"""The changes before there are any."""


class Changes(NamedTuple):
    """The facts to take away and to add; they stay on the way from one card to another."""

    remove: list[Fact]
    add: list[Fact]

    @classmethod
    def of(cls, data: Any) -> Changes:
        """Changes as the browser keeps them.

        Raises:
            NieError: what is not in the form of changes.
        """
        try:
            lists = [[(str(h), str(r), str(t)) for h, r, t in data[action]] for action in ("remove", "add")]
        except (TypeError, ValueError, KeyError) as error:
            raise NieError("The list of changes is damaged; clear it.") from error
        return cls(*lists)

    @property
    def data(self) -> dict[str, list[list[str]]]:
        """For the browser to keep."""
        return {action: [list(fact) for fact in facts] for action, facts in self._asdict().items()}

    def with_fact(self, action: str, fact: Fact) -> Changes:
        """With one more fact to ``remove`` or to ``add``, unless it is there."""
        facts = getattr(self, action)
        return self if fact in facts else self._replace(**{action: [*facts, fact]})

    def without(self, place: int) -> Changes:
        """Without the fact at a place, where those to take away are counted first."""
        count = len(self.remove)
        if place < count:
            return self._replace(remove=[fact for at, fact in enumerate(self.remove) if at != place])
        return self._replace(add=[fact for at, fact in enumerate(self.add) if at != place - count])


def what_if_view(explored: Explored, node: int) -> Any:
    """The section on a card."""
    name = explored.kg.node_names[node]
    return html.Section([
        heading("What if?"),
        html.P("Take facts away above or add one here, and ask what the scores would be. Nothing is trained again."),
        html.Form(
            [
                entity_field("Head", "head", name),
                relation_field("Relation", "add-relation"),
                entity_field("Tail", "tail"),
                html.Button("Add the fact", id="add-fact", type="button"),
            ],
            className="controls", **{"aria-label": "A fact to add"},
        ),
        html.Div(id="change-error"),
        html.Div(id="change-list", **{"aria-live": "polite"}),
        html.Div(
            [
                html.Button("Ask for the scores", id="ask", type="button", className="main"),
                html.Button("Clear", id="clear", type="button"),
                html.Button("Which facts would raise it?", id="raise", type="button"),
                html.Button("Which would lower it?", id="lower", type="button"),
            ],
            className="controls",
        ),
        waiting(html.Div(id="changed-scores", **{"aria-live": "polite"})),
        waiting(html.Div(id="suggestions", **{"aria-live": "polite"})),
        dcc.Store(id="suggested-facts", data=[]),
    ])  # fmt: skip


def add_what_if(app: dash.Dash, explored: Explored) -> None:
    """Keep the changes, show them, and ask."""
    _keep_changes(app, explored)

    @app.callback(Output("change-list", "children"), Input("changes", "data"))
    @answered
    def show(data: Any) -> Any:
        return _listed(Changes.of(data))

    @app.callback(
        Output("changed-scores", "children"), Input("ask", "n_clicks"), State("changes", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    @answered
    def ask(_: Any, data: Any) -> Any:
        return _told(explored.questions.what_if(*Changes.of(data)))

    @app.callback(
        Output("suggestions", "children"), Output("suggested-facts", "data"),
        Input("raise", "n_clicks"), Input("lower", "n_clicks"), State("node", "data"), prevent_initial_call=True,
    )  # fmt: skip
    def suggest(_raise: Any, _lower: Any, node: Any) -> Any:
        if type(node) is not int or not 0 <= node < explored.kg.num_nodes:
            return said("There is no such node."), []
        try:
            found = explored.questions.suggest(node, SUGGESTED, lower=dash.ctx.triggered_id == "lower")
        except NieError as error:
            return said(str(error)), []
        return _suggested(found), [[fact.head, fact.relation, fact.tail] for fact in found.facts]


def _keep_changes(app: dash.Dash, explored: Explored) -> None:
    @app.callback(
        Output("changes", "data"), Output("change-error", "children"),
        Input({"type": "take-away", "fact": ALL}, "n_clicks"),
        Input({"type": "add-suggested", "fact": ALL}, "n_clicks"),
        Input({"type": "undo", "place": ALL}, "n_clicks"), Input("add-fact", "n_clicks"), Input("clear", "n_clicks"),
        State("changes", "data"), State("shown-facts", "data"), State("suggested-facts", "data"),
        State({"type": "entity", "place": "head"}, "value"), State("add-relation", "value"),
        State({"type": "entity", "place": "tail"}, "value"), prevent_initial_call=True,
    )  # fmt: skip
    def change(
        _take: Any, _add: Any, _undo: Any, _typed: Any, _clear: Any, data: Any, shown: Any, suggested: Any,
        head: Any, relation: Any, tail: Any,
    ) -> Any:  # fmt: skip
        if not any(one["value"] for one in dash.ctx.triggered):  # a button that has just appeared
            return dash.no_update, dash.no_update
        try:
            match dash.ctx.triggered_id:
                case "clear":
                    return NOTHING_YET, None
                case "add-fact":
                    fact = typed_fact(explored, head, relation, tail)
                    return Changes.of(data).with_fact("add", fact).data, None
                case {"type": "take-away", "fact": place}:
                    return Changes.of(data).with_fact("remove", _at(shown, place)).data, None
                case {"type": "add-suggested", "fact": place}:
                    return Changes.of(data).with_fact("add", _at(suggested, place)).data, None
                case {"type": "undo", "place": place}:
                    return Changes.of(data).without(place).data, None
        except NieError as error:
            return dash.no_update, said(str(error))
        return dash.no_update, dash.no_update


def typed_fact(explored: Explored, head: Any, relation: Any, tail: Any) -> Fact:
    """A fact by names as somebody typed them.

    Raises:
        NieError: a field is empty, or a name is unknown or stands for several; the nearest ones are given.
    """
    kg, words = explored.kg, [str(word or "").strip() for word in (head, relation, tail)]
    if not all(words):
        raise NieError("Give a head, a relation and a tail.")
    return (
        kg.node_names[find_entity(kg, words[0])],
        kg.relation_names[find_relation(kg, words[1])],
        kg.node_names[find_entity(kg, words[2])],
    )


def fact_words(fact: Sequence[str]) -> str:
    """A fact in a line."""
    head, relation, tail = fact
    return f"{one_line(head, 80)} → {name_end(relation, 80)} → {one_line(tail, 80)}"


def _at(facts: Any, place: int) -> Fact:
    try:
        head, relation, tail = facts[place]
    except (IndexError, TypeError, ValueError) as error:
        raise NieError("This fact is no longer in the list.") from error
    return str(head), str(relation), str(tail)


def _listed(changes: Changes) -> Any:
    lines = [("Without", fact) for fact in changes.remove] + [("With", fact) for fact in changes.add]
    if not lines:
        return html.P("No changes yet.", className="quiet")
    return html.Ul(
        [
            html.Li([
                html.Strong(f"{word} "), fact_words(fact), " ",
                html.Button("Undo", id={"type": "undo", "place": place}, type="button", className="small",
                            **{"aria-label": f"Undo: {word} {fact_words(fact)}"}),
            ])
            for place, (word, fact) in enumerate(lines)
        ],
        className="changes",
    )  # fmt: skip


def _told(result: WhatIf) -> Any:
    parts = []
    for which, title in (("named", "The nodes of the changed facts"), ("changed", "The scores that change most")):
        header, rows = what_if_rows(result, which)
        parts += [heading(title, 3), grid(header, rows, caption=title) if rows else html.P("No score changes.")]
    if result.kept:
        parts.append(html.P(f"As before, because they need training: {', '.join(result.kept)}.", className="quiet"))
    return parts


def _suggested(found: Suggestions) -> Any:
    direction = "lower" if found.lower else "raise"
    title = f"Facts that would {direction} the score"
    if not found.facts:
        return html.P(f"Of {found.tried:,} facts that similar nodes have, none would {direction} the score.")
    rows = []
    for place, fact in enumerate(found.facts):
        button = html.Button(
            "Add", id={"type": "add-suggested", "fact": place}, type="button", className="small",
            **{"aria-label": f"Add {name_end(fact.relation, 60)} {fact.neighbour}"},
        )  # fmt: skip
        rows.append([
            directed(fact.relation, leaving=fact.head == found.node), one_line(fact.neighbour, 80),
            fact.change_text, f"{fact.similar:,}", button,
        ])  # fmt: skip
    headers = ["relation", "neighbour", "change on the label scale", "similar nodes that have it", ""]
    tried = html.P(f"The best of {found.tried:,} facts that similar nodes have and this one lacks, each alone.")
    return [heading(title, 3), tried, grid(headers, rows, caption=title, words=2)]
