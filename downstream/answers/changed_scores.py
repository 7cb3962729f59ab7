"""The scores of all nodes before and after a change of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.interval import Intervals
from downstream.answers.node_scores import NodeScores
from downstream.answers.predicted import FoldPrediction, Predicted, put_together
from downstream.answers.table_run import ChangedTable, TableRun
from downstream.answers.trained import TrainedRun
from nie.arrays import Floats
from nie.data.graph_change import GraphChange
from nie.data.node_types import NodeTypes, node_types

ChangeableRun: TypeAlias = TrainedRun | TableRun
"""A finished run that can be asked about a changed graph."""


@dataclass(frozen=True, eq=False)
class ChangedScores:
    """What a run says of a changed graph, beside what it says of the graph as it is.

    Attributes:
        graph: the changed graph, as the networks read it.
        predictions: by fold the predictions (M, N + n) of its networks on the changed graph, on the label scale.
    """

    graph: ChangedGraph | ChangedTable
    predictions: Mapping[int, Floats]

    @classmethod
    def of(cls, graph: ChangedGraph | ChangedTable) -> ChangedScores:
        """Ask all networks of the run."""
        return cls(graph, graph.predictions())

    @property
    def trained(self) -> ChangeableRun:
        """The run."""
        return self.graph.trained

    @cached_property
    def before(self) -> NodeScores:
        """The scores (N,) of the graph as it is, by the same networks on this machine."""
        return scores_before(self.trained)

    @cached_property
    def after(self) -> NodeScores:
        """The scores (N + n,) of the changed graph.

        Nodes that were there before keep their types. How sure the scores are is told from what the run missed on the
        graph as it is.
        """
        change, types = self.graph.change, types_before(self.trained)
        changed, count = change.after, change.before.num_nodes
        if change.nodes:
            new = node_types(changed)
            extrapolated = np.append(types.extrapolated, new.extrapolated[count:])
            types = NodeTypes(types.relation, [*types.name, *new.name[count:]], extrapolated)
        before = _predicted_before(self.trained)
        intervals = Intervals.of_changed(before, change.before, self._after, changed, ~types.extrapolated)
        return NodeScores.of(self._after, changed, types, intervals)

    @property
    def change(self) -> Floats:
        """(N,) how much the prediction of each node changes, on the label scale."""
        return self._after.value[: self.graph.change.before.num_nodes] - _predicted_before(self.trained).value

    @property
    def spread(self) -> Floats:
        """(N,) population standard deviation of that change over all networks: folds and members."""
        count = self.graph.change.before.num_nodes
        shifts = [self.predictions[fold][:, :count] - rows for fold, rows in predictions_before(self.trained).items()]
        return np.asarray(np.concatenate(shifts).std(axis=0))

    @property
    def networks(self) -> int:
        """How many networks were asked."""
        return sum(map(len, self.predictions.values()))

    @cached_property
    def _after(self) -> Predicted:
        return _put_together(self.graph)


def changed_graph(run: ChangeableRun, change: GraphChange) -> ChangedGraph | ChangedTable:
    """A changed graph, as what a run was fitted to reads it."""
    return ChangedTable(run, change) if isinstance(run, TableRun) else ChangedGraph(run, change)


def scores_before(trained: ChangeableRun) -> NodeScores:
    """The scores (N,) of the graph as it is; computed once for as long as the run is open, as all that is before."""

    def make() -> NodeScores:
        kg, found, types = trained.kg, _predicted_before(trained), types_before(trained)
        return NodeScores.of(found, kg, types, Intervals.of(found, kg, ~types.extrapolated))

    return trained.inputs.once(("scores before", trained.run.path), make)  # runs may share their inputs


def types_before(trained: ChangeableRun) -> NodeTypes:
    """The types of the nodes of the graph as it is."""
    return trained.inputs.once("node types", lambda: node_types(trained.kg))


def predictions_before(trained: ChangeableRun) -> Mapping[int, Floats]:
    """The predictions on the graph as it is, by fold."""
    return _unchanged(trained).predictions()


def _predicted_before(trained: ChangeableRun) -> Predicted:
    return trained.inputs.once(("predicted before", trained.run.path), lambda: _put_together(_unchanged(trained)))


def _unchanged(trained: ChangeableRun) -> ChangedGraph | ChangedTable:
    key = "unchanged graph", trained.run.path
    return trained.inputs.once(key, lambda: changed_graph(trained, GraphChange(trained.kg)))


def _put_together(graph: ChangedGraph | ChangedTable) -> Predicted:
    targets, folds, deviations = graph.trained.kg.targets, graph.trained.folds, graph.deviations()
    return put_together([
        FoldPrediction(
            rows.mean(axis=0), targets[folds[fold].train], folds[fold].test, rows if len(rows) > 1 else None,
            deviations.get(fold),
        )
        for fold, rows in graph.predictions().items()
    ])  # fmt: skip
