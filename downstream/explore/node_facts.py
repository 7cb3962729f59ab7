"""What is known of a node, in words: for its row of the ranking and for its card."""

from __future__ import annotations

import math
from dataclasses import dataclass

from downstream.answers.node_scores import number_text
from downstream.explore.ranking import Ranking
from nie.foreign import one_line, visible

NOTHING = "—"
"""Where there is no value."""


@dataclass(frozen=True)
class NodeFacts:
    """A node in words.

    Attributes:
        node: its number.
        name: of the node.
        text: the beginning of its text where that says more than the name.
        type: of the node.
        rank, rank_in_type: its places; the first is `NOTHING` where nothing is known of the scale of its type.
        degree: how many edges it has.
        score, interval, known: the importance that is predicted, between what it probably is, and what it is in truth.
        seen: whether a model behind the score has seen the truth; None where there is no truth.
        top: the chance of the top 100.
        off: by what factor, or by how much, the score is off, of nodes whose truth no model behind it has seen.
        other: the score by the other run.
    """

    node: int
    name: str
    text: str
    type: str
    rank: str
    rank_in_type: str
    degree: str
    score: str
    interval: str
    known: str
    seen: bool | None
    top: str
    off: str
    other: str

    @classmethod
    def of(cls, ranking: Ranking, node: int) -> NodeFacts:
        """What is known of a node by its number."""
        kg, scores, other = ranking.kg, ranking.scores, ranking.other
        lower, upper = (float(end[node]) for end in scores.interval)
        name, text = kg.node_names[node], kg.text[node] or ""
        return cls(
            node=node,
            name=one_line(name, 200),
            text="" if text == name else one_line(text, 200),
            type=one_line(scores.type[node], 200),
            rank=_whole(float(scores.rank[node])),
            rank_in_type=_whole(float(scores.rank_in_type[node])),
            degree=f"{ranking.degree[node]:,}",
            score=number_text(float(scores.score[node])),
            interval=NOTHING if math.isnan(lower) else f"{number_text(lower)} to {number_text(upper)}",
            known=number_text(float(scores.known[node])) if kg.label_mask[node] else NOTHING,
            seen=not scores.held_out[node] if kg.label_mask[node] else None,
            top=_percent(float(scores.p_top100[node])),
            off=_off(float(ranking.error[node]), kg.label_transform),
            other=NOTHING if other is None else number_text(float(other.score[node])),
        )


def full_text(ranking: Ranking, node: int) -> str:
    """The whole text of a node."""
    return visible(ranking.kg.text[node] or "")


def _whole(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:,.0f}"


def _percent(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.1%}"


def _off(error: float, label_transform: str) -> str:
    """An error on the label scale in words.

    >>> _off(0.5, "log1p"), _off(-0.5, "log1p"), _off(float("nan"), "none")
    ('1.65 times too high', '1.65 times too low', '—')
    """
    if math.isnan(error):
        return NOTHING
    way = "too high" if error > 0 else "too low"
    return f"{math.exp(abs(error)):,.3g} times {way}" if label_transform == "log1p" else f"{abs(error):.3g} {way}"
