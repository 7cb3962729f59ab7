"""Why a node has its score: what each of its facts and each of its channels contributes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from downstream.answers.attribution import ATTRIBUTIONS
from downstream.answers.by_name import find_entity, shown_entity
from downstream.answers.frame import as_frame, as_html, as_records
from downstream.answers.node_scores import number_text
from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained import TrainedRun
from downstream.reports.tables import markdown_grid
from nie.errors import NieError, nearest, shown
from nie.foreign import markdown_text, one_line

WIDTH = 60


@dataclass(frozen=True)
class FactShare:
    """What one fact of a node contributes to its score.

    Attributes:
        head, relation, tail: the fact, by names.
        neighbour: the other end, as people read it.
        contribution: in units of the label scale; the mean over the networks that make the score.
        spread: their population standard deviation.
    """

    head: str
    relation: str
    tail: str
    neighbour: str
    contribution: float
    spread: float


@dataclass(frozen=True)
class Explanation:
    """Why a node has its score.

    Attributes:
        node: its name.
        text: what people call it.
        method: of `downstream.answers.attribution.ATTRIBUTIONS`.
        scale: ``log1p`` where labels are logarithms, so that a contribution c is a factor exp(c) on the importance.
        score: predicted, on the label scale: the mean over the networks.
        base: the score of a node of mean features without facts; None where contributions do not add up.
        facts: those of the node, the largest contributions first, of either sign.
        channels: contributions of the node's own features, by channel.
        networks: how many make the score.
    """

    node: str
    text: str
    method: str
    scale: str
    score: float
    base: float | None
    facts: Sequence[FactShare]
    channels: Mapping[str, float]
    networks: int

    @property
    def remainder(self) -> float:
        """What the contributions leave of the difference between score and base: the error of the integration."""
        if self.base is None:
            return math.nan
        return self.score - self.base - sum(fact.contribution for fact in self.facts) - sum(self.channels.values())

    @cached_property
    def by_relation(self) -> dict[str, float]:
        """Contributions by relation, the largest first, of either sign."""
        return _totals((fact.relation, fact.contribution) for fact in self.facts)

    @cached_property
    def by_neighbour(self) -> dict[str, float]:
        """Contributions by neighbour, likewise."""
        return _totals((fact.neighbour, fact.contribution) for fact in self.facts)

    def factor(self, contribution: float) -> float | None:
        """By what a contribution multiplies the importance (plus 1); None where labels are no logarithms."""
        return math.exp(contribution) if self.scale == "log1p" else None

    def columns(self) -> dict[str, list[Any]]:
        """A row for each fact: ``head, relation, tail, neighbour, contribution, spread, factor``."""
        return {
            **{
                name: [getattr(fact, name) for fact in self.facts]
                for name in ("head", "relation", "tail", "neighbour", "contribution", "spread")
            },
            "factor": [self.factor(fact.contribution) for fact in self.facts],
        }

    def to_frame(self) -> Any:
        """The facts as a ``pandas.DataFrame``; a list of dicts without pandas."""
        return as_frame(self.columns())

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "node": self.node, "text": self.text, "method": self.method, "scale": self.scale, "score": self.score,
            "base": self.base, "remainder": None if self.base is None else self.remainder, "networks": self.networks,
            "channels": dict(self.channels), "relations": self.by_relation, "neighbours": self.by_neighbour,
            "facts": as_records(self.columns()),
        }  # fmt: skip

    def _repr_html_(self) -> str:
        return as_html(f"Why {self.text} has the score {self.score:.3f}", self.columns())


def explain(trained: TrainedRun, node: str, method: str = "ig") -> Explanation:
    """Explain the score of a node by a network's run.

    Args:
        trained: the run.
        node: its name in the graph, or its text.
        method: ``ig`` for integrated gradients, whose contributions add up to the score; ``leave-one-out`` for the
            change when a fact is removed; ``attention`` for what the network looks at.

    Raises:
        NieError: there is no such node or method, or the network cannot be asked.
    """
    if method not in ATTRIBUTIONS:
        hint = nearest(method, ATTRIBUTIONS)
        raise NieError(f"There is no method {shown(method)}{hint}; use one of {', '.join(ATTRIBUTIONS)}.")
    kg, place = trained.kg, find_entity(trained.kg, node)
    scored = [ScoredNode(network, place, trained.triples) for network in trained.networks(place)]
    found = [ATTRIBUTIONS[method](one) for one in scored]
    owed = np.stack([each.facts for each in found])
    mean, spread = owed.mean(axis=0), owed.std(axis=0)
    shares = []
    for triple, contribution, sd in zip(scored[0].facts.tolist(), mean.tolist(), spread.tolist(), strict=True):
        head, tail = int(kg.src[triple]), int(kg.dst[triple])
        other = tail if head == place else head
        relation = kg.relation_names[int(kg.etype[triple])]
        names = kg.node_names[head], relation, kg.node_names[tail]
        shares.append(FactShare(*names, shown_entity(kg, other), contribution, sd))
    bases = [each.base for each in found if each.base is not None]
    return Explanation(
        node=kg.node_names[place],
        text=shown_entity(kg, place),
        method=method,
        scale=kg.label_transform,
        score=float(np.mean([one.score for one in scored])),
        base=float(np.mean(bases)) if bases else None,
        facts=sorted(shares, key=lambda fact: (-abs(fact.contribution), fact.head, fact.relation, fact.tail)),
        channels={
            name: float(np.mean([each.features[name].sum() for each in found])) for name in found[0].features
        },
        networks=len(found),
    )  # fmt: skip


def explanation_text(explanation: Explanation, top: int = 10) -> str:
    """An explanation in words, with its ``top`` facts and relations."""
    one, facts = explanation, explanation.facts
    importance = "" if one.scale != "log1p" else f", an importance of {number_text(math.expm1(one.score))}"
    title = f"{markdown_text(one_line(one.text, 4 * WIDTH))}: score {one.score:.3f}{importance}."
    rows = [
        [_signed(one, fact.contribution), _ending(fact.relation), one_line(fact.neighbour, WIDTH)]
        for fact in facts[:top]
    ]
    lines = [title, _METHODS[one.method].format(count=len(facts))]
    headings = [_HEADINGS[one.method], "relation", "neighbour"]
    lines.append(markdown_grid(headings, rows) if rows else "The node has no facts.")
    if len(facts) > top:
        lines.append(f"The {len(facts) - top:,} other facts: {sum(fact.contribution for fact in facts[top:]):+.3f}.")
    if one.base is not None:
        parts = {"a node of mean features without facts": f"{one.base:.3f}"}
        parts |= {f"its own {name} features": f"{value:+.3f}" for name, value in one.channels.items()}
        parts |= {"its facts": f"{sum(one.by_relation.values()):+.3f}", "error of the sum": f"{one.remainder:+.3f}"}
        lines.append(markdown_grid(["what the score is made of", ""], [*map(list, parts.items())]))
        relations = list(one.by_relation.items())[:top]
        totals = [[_ending(name), _signed(one, value)] for name, value in relations]
        lines += [markdown_grid(["relation", "all its facts"], totals)] if totals else []
    return "\n\n".join(lines)


_METHODS = {
    "ig": "What its {count} facts contribute, in units of the score (integrated gradients; they add up):",
    "leave-one-out": "By how much the score would fall without each of its {count} facts (they do not add up):",
    "attention": "What the network looks at among its {count} facts, which is not what the score is owed to:",
}
_HEADINGS = {"ig": "contribution", "leave-one-out": "worth", "attention": "attention"}


def _signed(one: Explanation, value: float) -> str:
    if one.method == "attention":
        return f"{value:.3f}"
    factor = one.factor(value)
    return f"{value:+.3f}" if factor is None else f"{value:+.3f} (x {factor:.2f})"


def _ending(relation: str) -> str:
    """A relation's name, of a long one the end, which says what it is."""
    return one_line(relation if len(relation) <= WIDTH else f"...{relation[3 - WIDTH :]}", WIDTH)


def _totals(pairs: Any) -> dict[str, float]:
    total: Counter[str] = Counter()
    for name, value in pairs:
        total[name] += value
    return dict(sorted(total.items(), key=lambda item: (-abs(item[1]), item[0])))
