"""The parts that views are made of. Whatever stands in them is text: React writes no markup from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from dash import dcc, html

from downstream.answers.by_name import name_end
from downstream.reports.page import Table
from nie.errors import NieError
from nie.foreign import one_line, visible


def heading(text: str, level: int = 2) -> Any:
    """A heading."""
    return {1: html.H1, 2: html.H2, 3: html.H3}[level](one_line(text, 200))


def labelled(words: str, control: Any, *, grow: bool = False) -> Any:
    """A control under its label, which a click on the label leads to."""
    identifier = f"label-{control.id}" if isinstance(control.id, str) else None
    label = html.Label(words, id=identifier, htmlFor=control.id if isinstance(control.id, str) else None)
    return html.Div([label, control], className="field grow" if grow else "field")


def definitions(pairs: Sequence[tuple[str, Any]]) -> Any:
    """Words beside what they mean."""
    return html.Dl([part for words, value in pairs for part in (html.Dt(words), html.Dd(value))])


def grid(headers: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str, words: int = 1) -> Any:
    """A table, of whose columns the first ``words`` are words and the others numbers.

    Args:
        headers: of the columns.
        rows: cells: text or elements.
        caption: what the table shows, for those who do not see it.
        words: how many of the first columns are words.
    """
    kind = ["words" if place < words else "" for place in range(len(headers))]
    head = html.Tr([html.Th(text, className=of, scope="col") for text, of in zip(headers, kind, strict=True)])
    body = [
        html.Tr([html.Td(_inert(cell), className=of) for cell, of in zip(row, kind, strict=True)]) for row in rows
    ]  # fmt: skip
    table = html.Table([html.Caption(caption, className="unseen"), html.Thead(head), html.Tbody(body)])
    return html.Div(table, className="scroll", tabIndex=0, role="region", **{"aria-label": caption})


def report_table(table: Table) -> Any:
    """A table of a report, with its note."""
    note = [html.P(table.note, className="quiet")] if table.note else []
    return html.Div([heading(table.heading, 3), grid(table.headers, table.rows, caption=table.heading), *note])


def directed(relation: str, *, leaving: bool) -> Any:
    """A relation behind an arrow that says whether it leads away from the node; no line ends between the two."""
    return html.Span(f"{'→' if leaving else '←'}\N{NO-BREAK SPACE}{name_end(relation, 60)}")


def bar(share: float) -> Any:
    """A bar that grows to the right and blue, or to the left and orange, by a share of -1 to 1 of the largest."""
    grown = html.I(className="plus" if share >= 0 else "minus", style={"width": f"{100 * abs(share):.1f}%"})
    left, right = ([], grown) if share >= 0 else (grown, [])
    return html.Div([html.Span(left), html.Span(right)], className="bar", **{"aria-hidden": "true"})


def said(sentence: str) -> Any:
    """A message that is read out."""
    return html.P(one_line(sentence, 1000), className="warn", role="alert")


def answered(view: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose errors of users become a message in the place of what it returns."""

    @functools.wraps(view)
    def safe(*arguments: Any) -> Any:
        try:
            return view(*arguments)
        except NieError as error:
            return said(str(error))

    return safe


def waiting(element: Any) -> Any:
    """An element over which something turns while it is computed."""
    return dcc.Loading(element, delay_show=200, overlay_style={"visibility": "visible", "opacity": 0.5})


def _inert(cell: Any) -> Any:
    return visible(cell) if isinstance(cell, str) else cell
