"""A finished run opened on its graph: the networks that made its scores, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

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


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network of a finished fold, in eval mode, with what it reads.

    Attributes:
        given: the fold, its graph and its features.
        model: the network whose predictions the run keeps.
    """

    given: FoldNetwork
    model: nn.Module

    def predicted(self, outputs: ImportanceScores) -> Tensor:
        """(N,) predictions on the label scale."""
        return centred(outputs, self.given)[0] + self.given.centre

    @cached_property
    def on_all(self) -> tuple[Tensor, list[Passed]]:
        """The predictions (N,) of all nodes, and what all pass along their edges: one run on the whole graph."""
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

    @cached_property
    def networks_by_fold(self) -> Mapping[int, list[TrainedNetwork]]:
        """The networks of each finished fold: one, or those that are averaged."""
        made = {}
        for fold in self.run.finished_folds():
            work = FoldWork.of(METHODS[self.config.method], self.config, self.inputs, self.inputs.folds[fold])
            given, members = FoldNetwork.of(work), range(self.config.members)
            made[fold] = [
                TrainedNetwork(given, given.trained(self.run, fold, member=member, value=True)) for member in members
            ]
        return made

    def networks(self, node: int) -> list[TrainedNetwork]:
        """The networks whose mean is the score of a node: those of the fold that tests it, or else of all folds."""
        testing = [fold for fold in self.networks_by_fold if node in self.inputs.folds[fold].test]
        return [network for fold in testing or self.networks_by_fold for network in self.networks_by_fold[fold]]
