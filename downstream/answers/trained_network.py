"""A network of a finished run, with what it reads and what it computes for all nodes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from downstream.answers.back_to_labels import back_to_labels
from downstream.answers.feature_columns import feature_columns
from downstream.answers.last_asked import LastAsked
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.predictions import centred, deviation_of
from nie.arrays import Floats
from nie.models import ImportanceScores
from nie.ops.excerpt import Passed, recording

MOST_KEPT = 2 << 30
"""Bytes of what networks of a run computed for all nodes: those of six RGTN of 115,000 nodes, or of 46 on FB15K."""


class Told(NamedTuple):
    """What a network says of all nodes, on the label scale.

    Attributes:
        prediction: (N,).
        deviation: (N,) the standard deviation that it predicts of each label; None where it learns none.
    """

    prediction: Tensor
    deviation: Floats | None


class OnAll(NamedTuple):
    """What a network gives on the graph as it is.

    Attributes:
        told: of all nodes.
        passed: by graph of `downstream.methods.fold_network.FoldNetwork.graphs`, what all nodes pass along their edges.
    """

    told: Told
    passed: list[list[Passed]]


def kept_on_all() -> LastAsked[OnAll]:
    """A place for what the networks of a run give on the whole graph."""
    return LastAsked(MOST_KEPT, _bytes_of)


def _bytes_of(on_all: OnAll) -> int:
    rows = [on_all.told.prediction, *(rows for passed in on_all.passed for call in passed for rows in call.rows)]
    return sum(each.nbytes for each in rows)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network of a finished fold, in eval mode, with what it reads.

    Attributes:
        given: the fold, its graph and its features.
        model: the network whose predictions the run keeps.
    """

    given: FoldNetwork
    model: nn.Module
    _kept: LastAsked[OnAll] = field(default_factory=kept_on_all, repr=False)

    def learned(self, outputs: ImportanceScores) -> Tensor:
        """(N,) predictions on the scale that is learned."""
        return centred(outputs, self.given)[0] + self.given.centre

    def predicted(self, outputs: ImportanceScores) -> Tensor:
        """(N,) predictions on the label scale, differentiable."""
        return back_to_labels(self.learned(outputs), self.given.work.scale)

    @property
    def feature_columns(self) -> dict[str, list[str]]:
        """See `downstream.answers.feature_columns.feature_columns`."""
        return feature_columns(self.given.work, self.given.tuning)

    @property
    def on_all(self) -> OnAll:
        """What one run on the whole graph gives, which is kept for the next node as long as there is room for it.

        Facts of weight 0, such as those that are suggested, change nothing of it.
        """
        return self._kept.get(self.model, self._on_all)

    def _on_all(self) -> OnAll:
        with contextlib.ExitStack() as stack:
            passed = [stack.enter_context(recording(message.graph)) for message in self.given.graphs]
            told = self.told_of(self.given)
        return OnAll(told, passed)

    def told_of(self, given: FoldNetwork) -> Told:
        """What the network says where it reads ``given``: its fold, or what this is on a changed graph."""
        with torch.no_grad():
            outputs = given.outputs(self.model, given.predicting)
        return Told(self.predicted(outputs), deviation_of(outputs))
