"""Suggestions in words."""

from __future__ import annotations

from downstream.answers.suggestions import Suggestions
from downstream.reports.tables import markdown_grid
from nie.foreign import markdown_text, one_line

WIDTH = 60


def suggestions_text(suggestions: Suggestions) -> str:
    """The facts in words."""
    one = suggestions
    direction = "lower" if one.lower else "raise"
    tried = f"Of {one.tried:,} facts that nodes of the type {one_line(one.type, WIDTH)} have and it lacks"
    title = markdown_text(one_line(one.text, 4 * WIDTH))
    kept = f"\n\nWithout what {', '.join(one.kept)} would say of them; ask nie what-if for that." if one.kept else ""
    if not one.facts:
        return f"{title}: {tried[0].lower()}{tried[1:]}, none would {direction} its score.{kept}"
    rows = [
        [
            fact.change_text, f"{fact.relation} {'->' if fact.head == one.node else '<-'}",
            one_line(fact.neighbour, WIDTH), f"{fact.similar:,}",
        ]
        for fact in one.facts
    ]  # fmt: skip
    table = markdown_grid(["change on the label scale", "relation", "neighbour", "similar nodes that have it"], rows)
    return f"{title}\n\n{tried}, these alone would {direction} its score most:\n\n{table}{kept}"
