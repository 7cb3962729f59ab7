"""Why a node has its score: what each of its facts and each of its channels contributes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from downstream.answers.attribution import ADDS_UP, ATTRIBUTIONS
from downstream.answers.by_name import find_entity, name_end, shown_entity
from downstream.answers.channel_view import ChannelView
from downstream.answers.frame import as_frame, as_html, as_records
from downstream.answers.score_scale import importance_of, within_known
from downstream.answers.score_sum import AskedRun, ScoreSum, folds_behind
from downstream.reports.figures import head_maps, signed_bars
from nie.arrays import Floats
from nie.data import KnowledgeGraph
from nie.errors import NieError, nearest, shown
from nie.foreign import one_line

NAME = 80


@dataclass(frozen=True)
class FactShare:
    """What one fact of a node contributes to its score.

    Attributes:
        head, relation, tail: the fact, by names.
        neighbour: the other end, as people read it.
        contribution: in units of the label scale; the mean over the networks that make the score.
        spread: their population standard deviation, as if each network stood for all of them.
        heads: by attention, what each of its heads pays to the fact, where attention of one network is asked for.
    """

    head: str
    relation: str
    tail: str
    neighbour: str
    contribution: float
    spread: float
    heads: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """Why a node has its score.

    Attributes:
        node: its name.
        text: what people call it.
        method: of `downstream.answers.attribution.ATTRIBUTIONS`.
        scale: ``log1p`` where labels are logarithms, so that a contribution c is a factor exp(c) on the importance.
        score: on the label scale, as ``nie predict`` writes it.
        base: the score of a node of mean features without facts; None where contributions do not add up.
        facts: those of the node, the largest contributions first, of either sign.
        features: contributions of the node's own features, by channel and feature.
        others: of a blend, what those parts add that are not explained, by name of their run.
        networks: how many models are behind the contributions.
        drawn_in: what the score owes to being drawn in to the known scores
            (`downstream.answers.score_scale.within_known`); 0 of one that the models predict among them.
        view: how much each channel counts in the models that weigh them, and how much each reads of each.
    """

    node: str
    text: str
    method: str
    scale: str
    score: float
    base: float | None
    facts: Sequence[FactShare]
    features: Mapping[str, Mapping[str, float]]
    others: Mapping[str, float]
    networks: int
    drawn_in: float = 0.0
    view: ChannelView = field(default_factory=ChannelView)

    @property
    def channels(self) -> dict[str, float]:
        """Contributions of the node's own features, by channel."""
        return {channel: sum(of.values()) for channel, of in self.features.items()}

    @property
    def predicted(self) -> float:
        """The score as the models predict it, which the contributions add up to: the mean over the networks."""
        return self.score - self.drawn_in

    @property
    def remainder(self) -> float:
        """What the contributions leave of the difference between prediction and base: the error of the integration."""
        if self.base is None:
            return math.nan
        owed = (*(fact.contribution for fact in self.facts), *self.channels.values(), *self.others.values())
        return self.predicted - self.base - sum(owed)

    @property
    def importance(self) -> float:
        """The score on the scale of the given importance."""
        return float(importance_of(np.array(self.score), self.scale).clip(min=0))

    @property
    def reads_facts(self) -> bool:
        """Whether any of its facts has to do with the score."""
        return any(fact.contribution for fact in self.facts)

    @property
    def adds_up(self) -> bool:
        """Whether the remainder is at most 5 % of the difference between prediction and base."""
        return self.base is not None and abs(self.remainder) <= ADDS_UP * abs(self.predicted - self.base)

    @property
    def sum(self) -> dict[str, float]:
        """What the score is made of, in words, from the base to what draws it in; empty where nothing adds up."""
        if self.base is None:
            return {}
        return {
            "a node of mean features without facts": self.base,
            **{f"its own {name} features": value for name, value in self.channels.items()},
            "its facts": sum(self.by_relation.values()),
            **{f"the part {name}": value for name, value in self.others.items()},
            "error of the sum": self.remainder,
            **({"drawn in to the known scores": self.drawn_in} if self.drawn_in else {}),
        }

    @property
    def heads(self) -> Mapping[str, int]:
        """How many heads each attention has, in the order of their layers; empty where no heads are known."""
        return {name: len(paid) for name, paid in self.facts[0].heads.items()} if self.facts else {}

    @property
    def last_heads(self) -> list[str]:
        """Of these, those that no later layer of the same channel reads."""
        return list({name.rpartition("layer")[0]: name for name in self.heads}.values())

    @property
    def channels_read(self) -> dict[str, dict[str, float]]:
        """By channel, how much it attends to each channel; empty without co-attention."""
        rows: dict[str, dict[str, float]] = {}
        for (reader, of), share in self.view.read.items():
            rows.setdefault(reader, {})[of] = share
        return rows

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
            "base": self.base, "remainder": None if self.base is None else self.remainder, "drawn_in": self.drawn_in,
            "networks": self.networks,
            "channels": self.channels, "features": {channel: dict(of) for channel, of in self.features.items()},
            "others": dict(self.others),
            "relations": self.by_relation, "neighbours": self.by_neighbour,
            "channel_weights": dict(self.view.weights),
            "channel_attention": self.channels_read,
            "facts": [
                {**record, **({"heads": dict(fact.heads)} if fact.heads else {})}
                for record, fact in zip(as_records(self.columns()), self.facts, strict=True)
            ],
        }  # fmt: skip

    def plot(self, top: int = 10) -> Any:
        """A bar for each of the ``top`` facts, and one for each channel and each unexplained part of a blend.

        Returns:
            A ``matplotlib.figure.Figure``.

        Raises:
            NieError: the extra ``report`` is not installed.
        """
        facts = [(f"{name_end(fact.relation, 40)}: {fact.neighbour}", fact.contribution) for fact in self.facts[:top]]
        own = [*self.channels.items(), *self.others.items()]
        unit = "attention" if self.method == "attention" else "contribution to the score"
        return signed_bars([*facts, *own], unit)

    def plot_attention(self, top: int = 10) -> Any:
        """What each head of each attention pays to each of the ``top`` facts, as a map.

        Returns:
            A ``matplotlib.figure.Figure``.

        Raises:
            NieError: no heads are known, or the extra ``report`` is not installed.
        """
        if not self.heads:
            raise NieError(
                "There is no attention of one network to draw; explain a node by the method attention, which a fold of "
                "a single network tests."
            )
        shown_facts = self.facts[:top]
        rows = [f"{name_end(fact.relation, 40)}: {fact.neighbour}" for fact in shown_facts]
        paid = {name: np.array([fact.heads[name] for fact in shown_facts]) for name in self.heads}
        return head_maps(rows, paid)

    def _repr_html_(self) -> str:
        return as_html(f"Why {self.text} has the score {self.score:.3f}", self.columns())


def explain(run: AskedRun, node: str | int, method: str = "ig") -> Explanation:
    """Explain the score of a node.

    Args:
        run: of `downstream.answers.asked_run.asked_run`.
        node: its name in the graph, or its text.
        method: ``ig`` for integrated gradients, whose contributions add up to the score; ``leave-one-out`` for the
            change when a fact is removed; ``attention`` for what the network looks at.

    Raises:
        NieError: there is no such node or method, or a model of the run cannot be asked by it.
    """
    if method not in ATTRIBUTIONS:
        hint = nearest(method, ATTRIBUTIONS)
        raise NieError(f"There is no method {shown(method)}{hint}; use one of {', '.join(ATTRIBUTIONS)}.")
    kg, place = run.kg, find_entity(run.kg, node)
    folds = folds_behind(run, place)
    by_fold = [run.score_by(fold, place, method) for fold in folds]
    made = ScoreSum.of((1 / len(folds), one) for one in by_fold)
    known = [kg.targets[run.folds[fold].train] for fold in folds]
    drawn_in = float(np.mean([_drawn_in(one.score, labels) for one, labels in zip(by_fold, known, strict=True)]))
    triples = np.flatnonzero((kg.src == place) | (kg.dst == place))
    owed, spread = made.facts(len(triples)).tolist(), made.spread(len(triples)).tolist()
    neighbours = np.where(kg.src[triples] == place, kg.dst[triples], kg.src[triples]).tolist()
    called = _told_apart(kg, neighbours)
    shares, heads = [], made.heads
    told = zip(triples.tolist(), neighbours, owed, spread, strict=True)
    for row, (triple, other, contribution, deviation) in enumerate(told):
        paid = {name: of[row].tolist() for name, of in heads.items()}
        ends = kg.node_names[int(kg.src[triple])], kg.node_names[int(kg.dst[triple])]
        relation = kg.relation_names[int(kg.etype[triple])]
        shares.append(FactShare(ends[0], relation, ends[1], called[other], contribution, deviation, paid))
    return Explanation(
        node=kg.node_names[place],
        text=shown_entity(kg, place),
        method=method,
        scale=kg.label_transform,
        score=made.score + drawn_in,
        base=made.base,
        facts=sorted(shares, key=lambda fact: (-abs(fact.contribution), fact.head, fact.relation, fact.tail)),
        features=made.features,
        others=made.others,
        networks=len(made.parts),
        drawn_in=drawn_in,
        view=made.view,
    )


def _drawn_in(prediction: float, labels: Floats) -> float:
    """By how much a fold's prediction moves where it is written."""
    return float(within_known(np.array(prediction), labels) - prediction)


def _told_apart(kg: KnowledgeGraph, nodes: Sequence[int]) -> dict[int, str]:
    """What nodes are called, with their names where several are called the same."""
    called = {node: shown_entity(kg, node) for node in nodes}
    count = Counter(called.values())
    return {
        node: text if count[text] == 1 else f"{text} ({one_line(kg.node_names[node], NAME)})"
        for node, text in called.items()
    }


def _totals(pairs: Any) -> dict[str, float]:
    total: Counter[str] = Counter()
    for name, value in pairs:
        total[name] += value
    return dict(sorted(total.items(), key=lambda item: (-abs(item[1]), item[0])))
