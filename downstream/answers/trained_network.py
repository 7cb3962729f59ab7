"""A network of a finished run, with what it reads and what it computes for all nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor, nn

from downstream.answers.last_asked import LastAsked
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.network import centred
from nie.errors import NieError
from nie.models import ImportanceScores
from nie.ops.excerpt import Passed, recording

MOST_KEPT = 2 << 30
"""Bytes of what networks of a run computed for all nodes: those of six RGTN of 115,000 nodes, or of 46 on FB15K."""

OnAll: TypeAlias = tuple[Tensor, list[Passed]]
"""The predictions (N,) of all nodes, and what all pass along their edges."""


def kept_on_all() -> LastAsked[OnAll]:
    """A place for what the networks of a run give on the whole graph."""
    return LastAsked(MOST_KEPT, _bytes_of)


def _bytes_of(on_all: OnAll) -> int:
    predicted, passed = on_all
    return sum(rows.nbytes for rows in (predicted, *(rows for call in passed for rows in call.rows)))


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

    def check_one_graph(self) -> None:
        """Refuse a network that passes messages on two graphs: one that trains the encoders of stage 1 along.

        Raises:
            NieError: it is such a one.
        """
        if self.given.tuning is not None:
            raise NieError("A run with fine_tune passes messages on two graphs, and cannot be asked yet.")

    def predicted(self, outputs: ImportanceScores) -> Tensor:
        """(N,) predictions on the label scale."""
        return centred(outputs, self.given)[0] + self.given.centre

    @property
    def on_all(self) -> OnAll:
        """What one run on the whole graph gives, which is kept for the next node as long as there is room for it."""
        return self._kept.get(self, self._on_all)

    def _on_all(self) -> OnAll:
        with recording(self.given.message.graph) as passed, torch.no_grad():
            outputs = self.given.outputs(self.model, self.given.predicting)
        return self.predicted(outputs), passed
