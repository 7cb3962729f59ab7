"""An explanation as one page that opens from disk: bars and tables, without a script or another file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from downstream.answers.explanation import Explanation
from downstream.answers.explanation_text import HEADINGS, METHODS, MISSES, NO_FACTS_READ, signed
from downstream.answers.node_scores import number_text
from downstream.answers.styled_page import styled_page


class Bar(NamedTuple):
    """A row with a bar.

    Attributes:
        names: what stands before it.
        number: its value as text.
        kind: ``plus`` or ``minus``.
        width: in percent of the half that it grows into.
    """

    names: Sequence[str]
    number: str
    kind: str
    width: float


def explanation_page(one: Explanation, top: int = 10) -> str:
    """The page, with the ``top`` facts, relations and neighbours; names may hold anything, and are shown as text.

    Raises:
        NieError: the extra ``report`` is not installed.
    """
    facts = [((fact.relation, fact.neighbour), fact.contribution) for fact in one.facts[:top]]
    tables: list[dict[str, Any]] = []
    if one.reads_facts:
        about = METHODS[one.method].format(count=len(one.facts))
        tables.append(_table("Facts", ["relation", "neighbour"], _bars(one, facts), about))
        tables.append(_table("All facts of a relation", ["relation"], _bars(one, _firsts(one.by_relation, top))))
        tables.append(_table("All facts with a neighbour", ["neighbour"], _bars(one, _firsts(one.by_neighbour, top))))
    own = [((channel, name), value) for channel, of in one.features.items() for name, value in of.items()]
    if own:
        tables.append(_table("Its own features", ["channel", "feature"], _bars(one, own)))
    if one.others:
        others = _firsts(one.others, len(one.others))
        tables.append(_table("What other parts of the blend add", ["run"], _bars(one, others)))
    return styled_page(
        "explanation_page.html.jinja",
        one=one,
        importance=number_text(one.importance) if one.scale == "log1p" else "",
        rest=one.facts[top:],
        rest_total=signed(one, sum(fact.contribution for fact in one.facts[top:])),
        heading=HEADINGS[one.method],
        sum=[(name, f"{value:+.3f}") for name, value in one.sum.items()],
        missing="" if not one.sum or one.adds_up else MISSES,
        nothing="" if one.reads_facts else NO_FACTS_READ if one.facts else "The node has no facts.",
        tables=tables,
    )  # fmt: skip


def _table(title: str, columns: Sequence[str], bars: Sequence[Bar], about: str = "") -> dict[str, Any]:
    return {"title": title, "columns": columns, "bars": bars, "about": about}


def _bars(one: Explanation, rows: Iterable[tuple[Sequence[str], float]]) -> list[Bar]:
    listed = list(rows)
    largest = max((abs(value) for _, value in listed), default=0.0) or 1.0
    return [
        Bar(names, signed(one, value), "plus" if value >= 0 else "minus", round(100 * abs(value) / largest, 1))
        for names, value in listed
    ]


def _firsts(totals: Mapping[str, float], count: int) -> list[tuple[Sequence[str], float]]:
    return [((name,), value) for name, value in list(totals.items())[:count]]
