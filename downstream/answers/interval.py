"""How sure a score is: the interval that holds the importance, and the chance to be among the most important nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from downstream.answers.calibration import Calibration
from downstream.answers.predicted import Predicted
from downstream.answers.score_scale import importance_of
from nie.arrays import Bools, Floats, Ints
from nie.data import KnowledgeGraph
from nie.data.graph import LARGEST_LABEL

COVERAGE = 0.9
"""The share of nodes whose interval is to hold their importance, where nothing else is said."""
TOP = 100
"""Places at the top, whose chance `Intervals.p_top100` tells."""
DRAWS = 500
"""How often all importances are drawn for the chance: its standard error then is at most .022."""
PARTS = 5
"""Into which the held-out nodes of a run of one fold are dealt, so that some can be compared with others."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """How sure the scores of a run are, on the scale of the importance.

    Attributes:
        calibration: how far the predictions were off for held-out nodes, on the label scale.
        ranked: (N,) False for nodes of types without any label: nothing tells how far their scores are off.
        label_transform: of the graph.
        first: the first node that is told of; those before it are there for others to be compared with.
    """

    calibration: Calibration
    ranked: Bools
    label_transform: str
    first: int = 0

    @classmethod
    def of(cls, predicted: Predicted, kg: KnowledgeGraph, ranked: Bools) -> Intervals:
        """Calibrate the predictions of a run on the labels of those nodes that its folds tested.

        Where members are averaged, a node's scale is the spread of its members and, as much again for every node, the
        mean spread: members that happen to agree do not make a prediction sure. Where the networks learned the variance
        of labels (`downstream.heads.interval`), it is the standard deviation that they predict, with that of the
        members' predictions.
        """
        scale = _scale(predicted, predicted)
        calibration = Calibration(predicted.value, kg.targets, _parts(predicted.fold), _degree(kg), scale)
        return cls(calibration, ranked, kg.label_transform)

    @classmethod
    def of_changed(
        cls, before: Predicted, kg: KnowledgeGraph, after: Predicted, changed: KnowledgeGraph, ranked: Bools
    ) -> Intervals:
        """Intervals of the nodes of a changed graph, calibrated on the predictions before the change.

        What a prediction on a changed graph misses is not known, as its labels are those of the graph as it is.

        Args:
            before, kg: predictions and the graph.
            after, changed: predictions on the changed graph, whose first nodes are those of the graph.
            ranked: (N,) of the changed graph.
        """
        parts, unknown = _parts(before.fold), np.full(changed.num_nodes - kg.num_nodes, -1)
        calibration = Calibration(
            prediction=np.append(before.value, after.value),
            truth=np.append(kg.targets, np.full(changed.num_nodes, np.nan)),
            part=np.concatenate([parts, parts, unknown]),
            degree=np.append(_degree(kg), _degree(changed)),
            scale=np.append(_scale(before, before), _scale(after, before)),
            compared=np.append(parts >= 0, np.zeros(changed.num_nodes, dtype=bool)),
        )
        return cls(calibration, np.append(np.zeros(kg.num_nodes, dtype=bool), ranked), kg.label_transform, kg.num_nodes)

    def at(self, coverage: float) -> tuple[Floats, Floats]:
        """Lower and upper ends, (N,) each, of intervals that hold the importance at this chance.

        They are those of `Calibration.interval`, brought to the scale of the importance, and stay within what an
        importance can be. They are nan for nodes that are not ranked, and for all where `Calibration.shortage` says
        why.
        """
        if self.calibration.shortage(coverage):
            nothing = np.full(len(self.ranked) - self.first, np.nan)
            return nothing, nothing
        lower, upper = self.calibration.interval(coverage)
        largest = LARGEST_LABEL[self.label_transform]
        most = np.log1p(largest) if self.label_transform == "log1p" else largest
        ends = (lower, np.minimum(upper, np.maximum(most, self.calibration.prediction)))
        lower, upper = (np.where(self.ranked, importance_of(end, self.label_transform), np.nan) for end in ends)
        return lower[self.first :], upper[self.first :]

    @cached_property
    def p_top100(self) -> Floats:
        """(N,) the chance that a node is one of the 100 most important ranked nodes; nan for nodes that are not ranked.

        The importance of every ranked node is drawn many times at once: its prediction plus a residual of its bin,
        drawn evenly (a conformal predictive distribution; Vovk et al., 2017, "Nonparametric predictive distributions
        based on conformal prediction"). The chance is the share of draws in which the node's rank is at most 100. Of
        100 nodes or fewer, each has the chance 1. The draws are the same in every call. All are nan where there are
        too few held-out nodes for intervals of the usual coverage.
        """
        chance, nodes = np.full(len(self.ranked), np.nan), np.flatnonzero(self.ranked)
        if self.calibration.shortage(COVERAGE):
            return chance[self.first :]
        if len(nodes) <= TOP:
            chance[nodes] = 1.0
            return chance[self.first :]
        chance[nodes] = 0.0
        everyone, may = len(nodes), self._may_be_top(nodes)
        nodes = nodes[may]
        prediction, scale = self.calibration.prediction[nodes], self.calibration.scale[nodes]
        residuals, draw = self.calibration.residuals, np.random.default_rng(0)
        group = residuals.group[nodes]
        start, count = residuals.start[group], residuals.count[group]
        hits = np.zeros(len(nodes))
        for _ in range(DRAWS):  # one draw at a time, so that memory is that of a few columns
            # A node's draws do not depend on who else may be at the top, so that a change is seen and not the draw.
            place = start + (draw.random(everyone)[may] * count).astype(np.int64)
            value = prediction + scale * residuals.sorted[place]
            hits += value >= np.partition(value, -TOP)[-TOP]
        chance[nodes] = hits / DRAWS
        return chance[self.first :]

    def _may_be_top(self, nodes: Ints) -> Bools:
        """Which nodes are, at their best, among the top where all nodes are at their worst; others have no chance."""
        residuals, known = self.calibration.residuals, self.calibration
        group, last = residuals.group[nodes], residuals.start + residuals.count - 1
        worst = known.prediction[nodes] + known.scale[nodes] * residuals.sorted[residuals.start][group]
        best = known.prediction[nodes] + known.scale[nodes] * residuals.sorted[last][group]
        return np.asarray(best >= np.partition(worst, -TOP)[-TOP])


def _scale(predicted: Predicted, usual: Predicted) -> Floats:
    """(N,) how unsure each prediction is.

    That is the deviation that was learned, together with the members' spread; where none was learned, the members'
    spread and the mean ``usual`` one; and 1 where nothing tells.
    """
    if predicted.deviation is not None and usual.deviation is not None:
        return np.hypot(predicted.deviation, 0.0 if predicted.spread is None else predicted.spread)
    if predicted.spread is None or usual.spread is None:
        return np.ones(len(predicted.value))
    mean = usual.spread[usual.fold >= 0].mean()
    return predicted.spread + mean if mean > 0 else np.ones(len(predicted.value))


def _degree(kg: KnowledgeGraph) -> Ints:
    """(N,) the number of edges at each node."""
    return np.bincount(np.concatenate([kg.src, kg.dst]), minlength=kg.num_nodes)


def _parts(fold: Ints) -> Ints:
    """(N,) the part of each tested node: the fold that tested it, or where there is one fold, a fifth of its nodes."""
    if fold.max() > 0:
        return fold
    part, tested = fold.copy(), np.flatnonzero(fold >= 0)
    part[tested] = np.random.default_rng(0).permutation(len(tested)) % PARTS
    return part
