"""The neighbours of a node as a small graph, whose edges have the colour and the width of what facts contribute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from downstream.answers.by_name import name_end
from downstream.answers.explanation import Explanation, FactShare
from nie.foreign import one_line

MOST = 14
"""Facts that are drawn, those first that contribute most."""
RADIUS = 170
PLUS, MINUS, INK, PAPER = "#1f5fbf", "#b45309", "#1d2433", "#ffffff"

STYLESHEET = [
    {
        "selector": "node",
        "style": {
            "label": "data(label)", "font-size": 15, "color": INK, "background-color": "#8791a5", "width": 18,
            "height": 18, "text-wrap": "wrap", "text-max-width": 150, "text-valign": "bottom", "text-margin-y": 4,
            "text-background-color": PAPER, "text-background-opacity": 0.85, "text-background-padding": 2,
        },
    },
    {"selector": ".asked", "style": {"background-color": INK, "width": 30, "height": 30, "font-weight": "bold"}},
    {
        "selector": "edge",
        "style": {
            "width": "data(width)", "line-color": PLUS, "target-arrow-color": PLUS, "target-arrow-shape": "triangle",
            "curve-style": "bezier",
        },
    },
    {"selector": ".minus", "style": {"line-color": MINUS, "target-arrow-color": MINUS, "line-style": "dashed"}},
]  # fmt: skip
"""Orange edges are dashed, too, for those who see no difference between the colours."""


def neighbour_elements(one: Explanation, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """The nodes and edges of the graph as Cytoscape takes them, with a place for each node.

    Args:
        one: the explanation.
        numbers: of the graph's nodes, by name.
    """
    facts = one.facts[:MOST]
    ends = list(dict.fromkeys(_neighbour(one, fact) for fact in facts if _neighbour(one, fact) != one.node))
    called = {_neighbour(one, fact): fact.neighbour for fact in facts} | {one.node: one.text}
    largest = max((abs(fact.contribution) for fact in facts), default=0.0) or 1.0
    places = {one.node: (0.0, 0.0)} | {
        name: (
            2.4 * RADIUS * math.sin(2 * math.pi * place / len(ends)),
            -RADIUS * math.cos(2 * math.pi * place / len(ends)),
        )
        for place, name in enumerate(ends)
    }
    nodes = [
        {
            "data": {"id": str(numbers[name]), "label": _first_words(called[name])},
            "position": {"x": round(x), "y": round(y)},
            "classes": "asked" if name == one.node else "",
        }
        for name, (x, y) in places.items()
    ]
    edges = [
        {
            "data": {
                "source": str(numbers[fact.head]), "target": str(numbers[fact.tail]),
                "label": name_end(fact.relation, 40), "width": round(1 + 7 * abs(fact.contribution) / largest, 1),
            },
            "classes": "minus" if fact.contribution < 0 else "plus",
        }
        for fact in facts
    ]  # fmt: skip
    return [*nodes, *edges]


def _first_words(text: str) -> str:
    """A text up to its first full stop, as many begin with what they are about.

    >>> _first_words("Alien. Alien is a film.")
    'Alien'
    """
    return one_line(text.partition(". ")[0], 36)


def _neighbour(one: Explanation, fact: FactShare) -> str:
    return fact.tail if fact.head == one.node else fact.head
