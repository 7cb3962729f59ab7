"""Which function of the labels is learned, and the way back to the scale that predictions are judged on."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import numpy as np

from nie.arrays import Floats
from nie.data.graph import KnowledgeGraph
from nie.rank_correlation import average_ranks
from nie.vocabulary import LearnedLabels
from pretrain.cross_validation import Fold
from pretrain.inputs import NodeInputs

LARGEST = 700.0
"""Of logarithms whose exponential is finite; a prediction beyond it is taken for it."""
LEAST = 1e-9 - 1
"""The same of what must be above -1."""


@dataclass(frozen=True, eq=False)
class LabelScale:
    """An increasing function of the targets, found from the training labels of a fold alone, and its inverse.

    ``raw`` is the label as it was given, ``log1p`` the logarithm of 1 + label, ``rank`` the share of the training
    labels below it, ``normal`` the normal quantile of that share; ``given`` leaves the targets as they are. What is
    learned has the mean and the deviation of the training targets, so that weights of losses mean the same on every
    scale. Widths of bins do not: of ranks, which have no tail, the top tenth is narrower than one bin of LICAP's.

    Between training labels, ranks are linear; beyond them all, they go on with their mean slope. A label below 0, which
    only a prediction can be, is between -1 and 0 on the scale of logarithms, and a logarithm below 0 is a label between
    -1 and 0. So the way back is defined for every number, and predictions have the same order on both scales.

    ``log1p`` of targets that are logarithms already, and ``raw`` of targets that are labels, are ``given``: the same
    bits are learned, and nothing is refused that ``given`` allows once the graph is known.

    Attributes:
        kind: which function; ``given`` where that is what it comes to.
        logarithmic: whether targets are log(1 + label); otherwise they are the labels.
        knots: ascending training targets, for ranks.
        heights: what they become.
        shift, factor: applied last.

    Example:
        >>> targets = np.log1p([0.0, 1.0, 3.0, 100.0])
        >>> scale = LabelScale.fit("rank", targets, logarithmic=True)
        >>> learned = scale.forward(targets)
        >>> bool(np.allclose(np.diff(learned), learned[1] - learned[0]))
        True
        >>> np.expm1(scale.back(learned)).round(6).tolist()
        [0.0, 1.0, 3.0, 100.0]
    """

    kind: LearnedLabels
    logarithmic: bool
    knots: Floats
    heights: Floats
    shift: float = 0.0
    factor: float = 1.0

    @classmethod
    def fit(cls, kind: LearnedLabels, targets: Floats, *, logarithmic: bool) -> LabelScale:
        """The scale of a fold, from its (n,) training targets; where these are all equal, they are only shifted."""
        as_they_are = {"log1p": logarithmic, "raw": not logarithmic, "given": True}.get(kind, False)
        none = np.empty(0)
        if as_they_are:
            return cls("given", logarithmic, none, none)
        knots, heights = _ranks(kind, targets) if kind in ("rank", "normal") else (none, none)
        plain = cls(kind, logarithmic, knots, heights)
        made = plain.forward(targets)
        factor = float(targets.std() / made.std()) if np.ptp(made) > 0 else 1.0  # deviations of equals are rounding
        return cls(kind, logarithmic, knots, heights, float(targets.mean() - factor * made.mean()), factor)

    def forward(self, targets: Floats) -> Floats:
        """What is learned in the place of targets of any shape; nan stays."""
        if self.kind == "given":
            return targets
        if len(self.knots):
            made = _interpolated(targets, self.knots, self.heights)
        else:  # a logarithm of labels as they are, or labels of which targets are the logarithm
            made = _labels_of(targets) if self.kind == "raw" else np.log1p(np.maximum(targets, LEAST))
        return self.shift + self.factor * made

    def back(self, learned: Floats) -> Floats:
        """The targets that something on the learned scale stands for; the inverse of `forward`."""
        if self.kind == "given":
            return learned
        made = (learned - self.shift) / self.factor
        if len(self.knots):
            return _interpolated(made, self.heights, self.knots)
        return _logs_of(made) if self.kind == "raw" else np.expm1(np.minimum(made, LARGEST))

    def slope(self, learned: Floats) -> Floats:
        """The derivative of `back`; at a knot, that of what lies above."""
        if self.kind == "given":
            return np.ones_like(learned)
        made = (learned - self.shift) / self.factor
        if len(self.knots):
            slopes = _slopes(made, self.heights, self.knots)
        elif self.kind == "raw":
            slopes = 1 / (1 + np.abs(made)) ** np.where(made < 0, 2, 1)
        else:
            slopes = np.exp(np.minimum(made, LARGEST)) * (made <= LARGEST)
        return slopes / self.factor

    def mean_slope(self, start: float, end: float) -> float:
        """The mean derivative of `back` on the way from one learned value to another."""
        first, last = np.array([start]), np.array([end])
        if self.kind == "given" or start == end:
            return float(self.slope(first)[0])
        return float((self.back(last) - self.back(first))[0] / (end - start))


def label_scale(kind: LearnedLabels, inputs: NodeInputs, fold: Fold) -> LabelScale:
    """The scale of a fold, found once."""
    return inputs.once(("label scale", kind, fold.digest), lambda: scale_of(kind, inputs.kg, fold))


def scale_of(kind: LearnedLabels, kg: KnowledgeGraph, fold: Fold) -> LabelScale:
    """The scale of a fold of a graph."""
    return LabelScale.fit(kind, kg.targets[fold.train], logarithmic=kg.label_transform == "log1p")


def learned_labels(kind: LearnedLabels, inputs: NodeInputs, fold: Fold) -> Floats:
    """(N,) the labels on the scale that is learned; nan for a node without. Made once for a fold."""
    scale = label_scale(kind, inputs, fold)
    return inputs.once(("learned labels", kind, fold.digest), lambda: scale.forward(inputs.kg.targets))


def _ranks(kind: LearnedLabels, targets: Floats) -> tuple[Floats, Floats]:
    """The different training targets, and the share below each with half of those that are equal, or its quantile."""
    knots, first = np.unique(targets, return_index=True)
    shares = ((average_ranks(targets) - 0.5) / len(targets))[first]
    return knots, importlib.import_module("scipy.special").ndtri(shares) if kind == "normal" else shares


def _logs_of(labels: Floats) -> Floats:
    """log(1 + label), and y / (1 - y) of a label y below 0."""
    logs: Floats = np.where(labels < 0, labels / (1 + np.abs(labels)), np.log1p(np.maximum(labels, 0)))
    return logs


def _labels_of(logs: Floats) -> Floats:
    """The inverse of `_logs_of`."""
    below = np.clip(logs, LEAST, 0)
    labels: Floats = np.where(logs < 0, below / (1 + below), np.expm1(np.clip(logs, 0, LARGEST)))
    return labels


def _interpolated(values: Floats, knots: Floats, heights: Floats) -> Floats:
    """Linear between the knots, and beyond them with the mean slope."""
    beyond = np.minimum(values - knots[0], 0) + np.maximum(values - knots[-1], 0)
    made: Floats = np.interp(values, knots, heights) + _mean_slope(knots, heights) * beyond
    return made


def _slopes(values: Floats, knots: Floats, heights: Floats) -> Floats:
    """The derivative of `_interpolated`."""
    mean = _mean_slope(knots, heights)
    by_piece = np.concatenate([[mean], np.diff(heights) / np.diff(knots), [mean]])
    return by_piece[np.searchsorted(knots, values, side="right")]


def _mean_slope(knots: Floats, heights: Floats) -> float:
    return float((heights[-1] - heights[0]) / (knots[-1] - knots[0])) if len(knots) > 1 else 1.0
