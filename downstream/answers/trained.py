"""A finished run opened on its graph: the networks that made its scores, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from downstream.answers.attribution import ATTRIBUTIONS
from downstream.answers.channel_view import channel_view
from downstream.answers.finished_run import FittedRun
from downstream.answers.last_asked import LastAsked
from downstream.answers.score_sum import ScorePart, ScoreSum, folds_behind
from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained_network import OnAll, TrainedNetwork, kept_on_all
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig, NetworkConfig
from downstream.methods.table import METHODS
from nie.arrays import Ints
from nie.errors import NieError
from nie.runs.run import Run

SHOWN = "shown label"
"""What the columns of `downstream.methods.labels_as_input.ShownLabels` are called."""


@dataclass(frozen=True, eq=False)
class TrainedRun(FittedRun[NetworkConfig]):
    """A finished run of a network, on its graph."""

    _networks: dict[int, list[TrainedNetwork]] = field(default_factory=dict, repr=False)
    _kept: LastAsked[OnAll] = field(default_factory=kept_on_all, repr=False)

    @classmethod
    def readable(cls, run: Run, config: ImportanceConfig) -> NetworkConfig:
        """See `downstream.answers.finished_run.FittedRun`."""
        if not METHODS[config.method].is_network:
            raise NieError(
                f"{run.path} is a run of {config.method}, which is no network, and the vectors or gradients of one are "
                "asked for; ask a run of a network, such as rgcn or rgtn."
            )
        return cast(NetworkConfig, config)

    @property
    def triples(self) -> Ints:
        """(E',) the fact that each edge of the message graph stands for; -1 for a loop."""
        return self.inputs.triples

    def networks(self, node: int) -> list[TrainedNetwork]:
        """The networks whose mean is the score of a node: those of the fold that tests it, or else of all folds."""
        return [network for fold in folds_behind(self, node) for network in self.networks_of(fold)]

    def networks_of(self, fold: int) -> list[TrainedNetwork]:
        """The networks of a finished fold, of which there are several where a run averages members."""
        if fold not in self._networks:
            work = FoldWork.of(METHODS[self.config.method], self.config, self.inputs, self.inputs.folds[fold])
            given, members = FoldNetwork.of(work), range(self.config.members)
            trained = [given.trained(self.run, fold, member=member, value=True) for member in members]
            self._networks[fold] = [TrainedNetwork(given, model, self._kept) for model in trained]
        return self._networks[fold]

    def score_by(self, fold: int, node: int, method: str) -> ScoreSum:
        """See `downstream.answers.score_sum.AskedRun`: the mean over the networks of the fold."""
        networks, parts = self.networks_of(fold), []
        for network in networks:
            scored, columns = ScoredNode(network, node, self.triples), network.feature_columns
            for channel, feat in scored.features.items():
                columns[channel] += [SHOWN] * (len(feat) - len(columns[channel]))
            owed, view = ATTRIBUTIONS[method](scored), channel_view(scored)
            parts.append(ScorePart(1 / len(networks), scored.score, owed, columns, view))
        return ScoreSum(parts)
