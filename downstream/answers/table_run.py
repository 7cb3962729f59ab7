"""A finished run of trees or kernel ridge regression on a table of features, asked about a graph with other facts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from downstream.answers.attribution import Attribution
from downstream.answers.changed_channels import ChangedChannels
from downstream.answers.finished_run import FittedRun
from downstream.answers.node_columns import NodeColumns
from downstream.answers.score_sum import ScorePart, ScoreSum, is_same_score
from downstream.methods.baselines import FoldData, Predictor
from downstream.methods.fitted import clipped
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from nie.arrays import Floats, Floats32
from nie.data import Channel
from nie.data.graph_change import GraphChange
from nie.errors import NieError
from nie.progress import log, track
from nie.runs.run import Run
from nie.threads import computing_with


@dataclass(frozen=True, eq=False)
class TableFit:
    """The trees, or the regression, of one fold, fitted anew, as no run keeps them.

    Attributes:
        work: the fold and its features.
        data: the table that they were fitted on.
        predict: what they say of the rows of a table with the same columns, on the label scale.
    """

    work: FoldWork
    data: FoldData
    predict: Predictor


@dataclass(frozen=True, eq=False)
class TableRun(FittedRun[ImportanceConfig]):
    """A finished run of trees or kernel ridge regression, on its graph."""

    _fits: dict[int, TableFit] = field(default_factory=dict, repr=False)

    @classmethod
    def readable(cls, run: Run, config: ImportanceConfig) -> ImportanceConfig:
        """See `downstream.answers.finished_run.FittedRun`."""
        if METHODS[config.method].predictor is None:
            raise NieError(f"{run.path} is a run of {config.method}, whose fit cannot be asked about other features.")
        return config

    def fit_of(self, fold: int) -> TableFit:
        """The fit of a finished fold, which takes as long as the run took.

        Raises:
            NieError: it is not the fit of the run, as after an update of a package.
        """
        if fold not in self._fits:
            method = METHODS[self.config.method]
            assert method.predictor is not None, "asked when it was opened"
            work = FoldWork.of(method, self.config, self.inputs, self.inputs.folds[fold])
            data = FoldData.of(work)
            log.info("fitting %s anew on fold %d, as no run keeps its fit", self.config.method, fold)
            threads = self.run.timing(fold).get("threads")
            with computing_with(threads) if isinstance(threads, int) else contextlib.nullcontext():
                learned = method.predictor(data, self.config.model)  # type: ignore[attr-defined]
            back = work.scale.back

            def predict(rows: Floats32) -> Floats:
                return back(learned(rows))

            test, known = work.fold.test, self.kg.targets[work.fold.train]
            today, kept = (
                clipped(predict(data.features[test]), known),
                self.run.predictions(fold, self.kg.num_nodes)[test],
            )
            if not all(map(is_same_score, kept.tolist(), today.tolist())):
                raise NieError(
                    f"{self.run.path} predicts other scores than the same fit gives today; run it again to ask it."
                )
            self._fits[fold] = TableFit(work, data, predict)
        return self._fits[fold]

    def score_by(self, fold: int, node: int, method: str) -> ScoreSum:
        """See `downstream.answers.score_sum.AskedRun`: what each fact of the node changes when it is removed."""
        if method != "leave-one-out":
            raise NieError(f"{self.config.method} has neither gradients nor attention; explain it by leave-one-out.")
        fit = self.fit_of(fold)
        facts = np.flatnonzero((self.kg.src == node) | (self.kg.dst == node))
        score = float(fit.predict(fit.data.features[[node]])[0])
        if not len(facts):
            return ScoreSum([ScorePart(1.0, score, Attribution(np.zeros(0)))])
        columns = NodeColumns(fit.work, node)
        rows = np.stack([columns.without(fact) for fact in track(self.kg.triples[facts], "facts")])
        if columns.kept:
            log.warning("%s stay as they are without each fact", ", ".join(columns.kept))
        before = float(fit.predict(columns.row[None])[0])
        return ScoreSum([ScorePart(1.0, score, Attribution(before - fit.predict(rows)))])


@dataclass(frozen=True, eq=False)
class ChangedTable:
    """A changed graph as the trees of a run read it, with what `downstream.answers.changed_graph.ChangedGraph` offers.

    Attributes:
        trained: the run.
        change: what changes in its graph.
        given: by feature, the rows of new nodes that are known, for features that cannot be computed.
    """

    trained: TableRun
    change: GraphChange
    given: Mapping[str, Channel] = field(default_factory=dict)
    _read: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def _channels(self) -> ChangedChannels:
        if "channels" not in self._read:
            self._read["channels"] = ChangedChannels(self.change, self.trained.inputs, self.given)
        made: ChangedChannels = self._read["channels"]
        return made

    def predictions(self) -> dict[int, Floats]:
        """By fold the predictions (1, N + n) of its fit for all nodes of the changed graph, on the label scale."""
        return {fold: self._predicted(self.trained.fit_of(fold)) for fold in self.trained.run.finished_folds()}

    def _predicted(self, fit: TableFit) -> Floats:
        work = fit.work
        columns = [
            one.features
            for known in work.channels.values()
            for one in self._channels.of(known, work.name_of, work)
        ]  # fmt: skip
        rows: Floats = fit.predict(np.concatenate(columns, axis=1))
        return rows[None]

    def deviations(self) -> dict[int, Floats]:
        """Trees learn no deviation."""
        return {}

    @property
    def stand_ins(self) -> list[dict[str, str]]:
        """For each new node by feature, in words, what stands for what could not be computed of what was read."""
        return [*self._channels.features.stand_ins]

    @property
    def kept(self) -> list[str]:
        """The features read so far that stay as they were, whatever changes."""
        return [*self._channels.features.kept]
