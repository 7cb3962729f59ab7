"""An explanation as one page that opens from disk: bars and tables, without a script or another file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from downstream.answers.explanation import Explanation
from downstream.answers.explanation_text import (
    HEADINGS,
    HEADS,
    NO_HEADS,
    READ,
    WEIGHTS,
    about_facts,
    drawn_in_text,
    missed,
    other_facts,
    signed,
)
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
    no_heads = one.method == "attention" and not one.heads and one.networks > 1
    facts = [((fact.relation, fact.neighbour), fact.contribution) for fact in one.facts[:top]]
    tables: list[dict[str, Any]] = []
    if one.reads_facts:
        tables.append(_table("Facts", ["relation", "neighbour"], _bars(one, facts), about_facts(one)))
        tables.append(_table("All facts of a relation", ["relation"], _bars(one, _firsts(one.by_relation, top))))
        tables.append(_table("All facts with a neighbour", ["neighbour"], _bars(one, _firsts(one.by_neighbour, top))))
    shares = _share_tables(one, top)
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
        drawn_in=drawn_in_text(one),
        rest=other_facts(one, top),
        heading=HEADINGS[one.method],
        sum=[(name, f"{value:+.3f}") for name, value in one.sum.items()],
        no_heads=NO_HEADS if no_heads else "",
        missing=missed(one),
        nothing="" if one.reads_facts else about_facts(one),
        tables=tables,
        shares=shares,
    )  # fmt: skip


class ShareTable(NamedTuple):
    """Shares between 0 and 1, each on a ground that is the darker the larger it is.

    Attributes:
        title, about: what it shows.
        words: headers of the columns of words.
        columns: headers of the others.
        rows: words, and shares with the darkness of their ground, in percent.
    """

    title: str
    about: str
    words: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[tuple[Sequence[str], Sequence[tuple[str, int]]]]

    @classmethod
    def of(
        cls, title: str, about: str, words: Sequence[str], columns: Sequence[str],
        rows: Sequence[tuple[Sequence[str], Sequence[float]]],
    ) -> ShareTable:  # fmt: skip
        """Take the grounds from the largest share."""
        largest = max((share for _, shares in rows for share in shares), default=0.0) or 1.0
        shown = [(said, [(f"{share:.2f}", round(60 * share / largest)) for share in shares]) for said, shares in rows]
        return cls(title, about, words, columns, shown)


def _share_tables(one: Explanation, top: int) -> list[ShareTable]:
    """How much channels count, what they read of each other, and the heads of every attention."""
    weights, read = one.view.weights, one.channels_read
    tables = []
    if weights:
        counts = [([name], [weight]) for name, weight in weights.items()]
        tables.append(ShareTable.of("Its channels", WEIGHTS, ["channel"], ["share"], counts))
    if read:
        rows = [([reader], list(of.values())) for reader, of in read.items()]
        tables.append(ShareTable.of("What channels read of each other", READ, ["channel"], list(read), rows))
    for name, count in one.heads.items():
        paid = [([fact.relation, fact.neighbour], list(fact.heads[name])) for fact in one.facts[:top]]
        columns = [f"head {head + 1}" for head in range(count)]
        tables.append(ShareTable.of(f"Attention of {name}", HEADS, ["relation", "neighbour"], columns, paid))
    return tables


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
