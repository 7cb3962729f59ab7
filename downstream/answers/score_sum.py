"""The score of a node as a sum over the models that make it, and what each of them owes its own part to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from downstream.answers.attribution import Attribution
from downstream.answers.channel_view import ChannelView, mean_of
from nie.arrays import Floats
from nie.data import KnowledgeGraph
from nie.runs.run import Run
from pretrain.cross_validation import Fold

ROUNDING = 1e-3
"""By so much of the label scale may the same score differ from one computation to the next."""


@dataclass(frozen=True)
class ScorePart:
    """What one model has to do with a score.

    Attributes:
        share: of the model's own score in the whole.
        score: of the node by the model, on the label scale.
        owed: what that is owed to.
        columns: by channel the feature that each column belongs to.
        view: what the model makes of the node's channels.
    """

    share: float
    score: float
    owed: Attribution
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    view: ChannelView = field(default_factory=ChannelView)


@dataclass(frozen=True)
class ScoreSum:
    """The score of a node, made of models that can be explained, of a constant, and of what other models add.

    Attributes:
        parts: the models that can be explained.
        constant: what is there without any of them.
        others: by name, what other models add.

    Example:
        >>> one = ScoreSum([ScorePart(1.0, 5.0, Attribution(np.array([2.0, -1.0]), {}, base=4.0))])
        >>> other = ScoreSum([ScorePart(1.0, 3.0, Attribution(np.array([0.0, -1.0]), {}, base=4.0))])
        >>> mean = ScoreSum.of([(0.5, one), (0.5, other)])
        >>> mean.score, mean.base, mean.facts(2).tolist(), mean.spread(2).tolist()
        (4.0, 4.0, [1.0, -1.0], [1.0, 0.0])
    """

    parts: Sequence[ScorePart]
    constant: float = 0.0
    others: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, weighted: Iterable[tuple[float, ScoreSum]]) -> ScoreSum:
        """The sum of scores, each times a weight."""
        parts, constant, others = [], 0.0, dict[str, float]()
        for weight, one in weighted:
            parts += [replace(part, share=weight * part.share) for part in one.parts]
            constant += weight * one.constant
            for name, value in one.others.items():
                others[name] = others.get(name, 0.0) + weight * value
        return cls(parts, constant, others)

    @property
    def score(self) -> float:
        """On the label scale."""
        return self.constant + sum(part.share * part.score for part in self.parts) + sum(self.others.values())

    @property
    def base(self) -> float | None:
        """The score without all that it is owed to; None where contributions do not add up."""
        bases = [part.share * part.owed.base for part in self.parts if part.owed.base is not None]
        return self.constant + sum(bases) if len(bases) == len(self.parts) else None

    def facts(self, count: int) -> Floats:
        """(F,) contributions of the node's ``count`` facts."""
        owed = np.zeros(count)
        for part in self.parts:
            owed += part.share * part.owed.facts
        return owed

    def spread(self, count: int) -> Floats:
        """(F,) deviation of these over the models, where each stands for all of them, and counts by its share."""
        whole, mean, square = sum(part.share for part in self.parts), self.facts(count), np.zeros(count)
        for part in self.parts:
            square += part.share * (whole * part.owed.facts - mean) ** 2
        return np.asarray(np.sqrt(square / whole)) if whole else square

    @property
    def view(self) -> ChannelView:
        """What the models make of the node's channels, the mean over those that weigh them, or let them read others."""
        return ChannelView(
            mean_of((part.share, part.view.weights) for part in self.parts),
            mean_of((part.share, part.view.read) for part in self.parts),
        )

    @property
    def heads(self) -> Mapping[str, Floats]:
        """By attention (F, H), where one model makes the score: heads of several have nothing to do with each other."""
        return self.parts[0].owed.heads if len(self.parts) == 1 else {}

    @property
    def features(self) -> dict[str, dict[str, float]]:
        """Contributions of the node's own features, by channel and feature."""
        owed: dict[str, dict[str, float]] = {}
        for part in self.parts:
            for channel, of_columns in part.owed.features.items():
                total = owed.setdefault(channel, {})
                for name, value in zip(part.columns[channel], of_columns.tolist(), strict=True):
                    total[name] = total.get(name, 0.0) + part.share * value
        return owed


class AskedRun(Protocol):
    """A finished run whose scores can be explained; `downstream.answers.asked_run.asked_run` opens one."""

    @property
    def run(self) -> Run:
        """Its folder."""

    @property
    def kg(self) -> KnowledgeGraph:
        """Its graph."""

    @property
    def folds(self) -> Sequence[Fold]:
        """Its folds, by number."""

    def score_by(self, fold: int, node: int, method: str) -> ScoreSum:
        """The score of a node by the models of a finished fold.

        Args:
            fold: its number.
            node: the number of the node.
            method: of `downstream.answers.attribution.ATTRIBUTIONS`.

        Raises:
            NieError: a model cannot be asked by this method.
        """


def folds_behind(asked: AskedRun, node: int) -> list[int]:
    """The finished folds whose mean is the score of a node: the one that tests it, or else all of them."""
    finished = asked.run.finished_folds()
    return [fold for fold in finished if node in asked.folds[fold].test] or finished


def is_same_score(kept: float, today: float) -> bool:
    """Whether a score that is computed anew is the one that a run kept.

    >>> is_same_score(5.0, 5.0004), is_same_score(5.0, 5.1)
    (True, False)
    """
    return math.isclose(kept, today, rel_tol=ROUNDING, abs_tol=ROUNDING)
