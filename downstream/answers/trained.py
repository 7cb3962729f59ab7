"""A finished run opened on its graph: the networks that made its scores, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from downstream.answers.last_asked import LastAsked
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.network import centred
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.same_graph import check_same_graph
from nie.arrays import Ints
from nie.data import KnowledgeGraph
from nie.data.message_passing import triples_of
from nie.errors import NieError
from nie.models import ImportanceScores
from nie.ops.excerpt import Passed, recording
from nie.runs.run import Run
from pretrain.inputs import NodeInputs, prepare

MOST_KEPT = 2 << 30
"""Bytes of what the networks of a run computed for all nodes: seven networks of RGTN on TMDB5K, all on FB15K."""

OnAll: TypeAlias = tuple[Tensor, list[Passed]]
"""The predictions (N,) of all nodes, and what all pass along their edges."""


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
    _kept: LastAsked[OnAll] = field(default_factory=lambda: LastAsked(MOST_KEPT, _bytes_of), repr=False)

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


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A finished run of a network, on its graph.

    Attributes:
        run: its folder.
        inputs: the graph, the features and the folds.
        config: its settings.
    """

    run: Run
    inputs: NodeInputs
    config: NetworkConfig
    _networks: dict[int, list[TrainedNetwork]] = field(default_factory=dict, repr=False)
    _kept: LastAsked[OnAll] = field(default_factory=lambda: LastAsked(MOST_KEPT, _bytes_of), repr=False)

    @classmethod
    def open(cls, run: Run, *, data_root: str | Path = "datasets") -> TrainedRun:
        """Open a run.

        Raises:
            NieError: another stage made the run, it has no finished fold, its data have changed, or its method is no
                network.
        """
        run.check_stage(IMPORTANCE.name)
        if not run.finished_folds():
            raise NieError(f"{run.path} has no finished fold; run 'nie {IMPORTANCE.command}' to its end first.")
        config = IMPORTANCE.recipes.resolve(overrides=dict(run.config))
        if not METHODS[config.method].is_network:
            raise NieError(
                f"{run.path} is a run of {config.method}, which passes no messages along facts; ask a run of a "
                "network, such as rgcn or rgtn."
            )
        inputs = prepare(config, data_root=data_root)
        check_same_graph(run, inputs.made_from)
        return cls(run, inputs, cast(NetworkConfig, config))

    @property
    def kg(self) -> KnowledgeGraph:
        """The graph."""
        return self.inputs.kg

    @cached_property
    def triples(self) -> Ints:
        """(E',) the fact that each edge of the message graph stands for; -1 for a loop."""
        return triples_of(self.inputs.message, self.kg)

    def networks(self, node: int) -> list[TrainedNetwork]:
        """The networks whose mean is the score of a node: those of the fold that tests it, or else of all folds."""
        return [network for fold in self.folds(node) for network in self.networks_of(fold)]

    def folds(self, node: int) -> list[int]:
        """The finished fold that tests a node, or else all finished ones."""
        finished = self.run.finished_folds()
        return [fold for fold in finished if node in self.inputs.folds[fold].test] or finished

    def networks_of(self, fold: int) -> list[TrainedNetwork]:
        """The networks of a finished fold, of which there are several where a run averages members."""
        if fold not in self._networks:
            work = FoldWork.of(METHODS[self.config.method], self.config, self.inputs, self.inputs.folds[fold])
            given, members = FoldNetwork.of(work), range(self.config.members)
            trained = [given.trained(self.run, fold, member=member, value=True) for member in members]
            self._networks[fold] = [TrainedNetwork(given, model, self._kept) for model in trained]
        return self._networks[fold]
