"""What the finished folds of a run predict for every node, on the label scale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from downstream.answers.score_scale import within_known
from downstream.methods.finished_predictions import learned_deviation
from downstream.methods.untied import untied
from nie.arrays import Bools, Floats, Ints
from nie.data import KnowledgeGraph
from nie.runs.run import Run

ROUNDING = 1e-6
"""What is smaller than this share of the largest label is rounding: predictions are kept as float32."""
MEMBER = re.compile(r"member\d+/outputs\.npy")


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of all nodes, each from the models that say most about it.

    Attributes:
        value: (N,) on the label scale: of a node that a finished fold tested, the prediction of that fold; of any other
            node, the mean over the folds.
        fold: (N,) the row of the fold that tested a node among the finished ones; -1 for nodes that none tested.
        drawn_in: (N,) True where a prediction lay beyond the labels that its model was trained on, and was drawn in.
        spread: (N,) the standard deviation of the members' predictions, of the same folds as ``value``; None where a
            run does not average members.
        deviation: (N,) the standard deviation that the models predict of a label, likewise; None where they learn none.
    """

    value: Floats
    fold: Ints
    drawn_in: Bools
    spread: Floats | None
    deviation: Floats | None = None


@dataclass(frozen=True, eq=False)
class FoldPrediction:
    """What the models of one fold predict for every node, on the label scale.

    Attributes:
        value: (N,) as the models say it.
        labels: (n,) of the nodes that they were trained on.
        test: ids of the nodes that the fold tests.
        members: (M, N) predictions that ``value`` is the mean of; None where there are not several.
        deviation: (N,) what they predict as the standard deviation of a label; None where they learn none.
    """

    value: Floats
    labels: Floats
    test: Ints
    members: Floats | None = None
    deviation: Floats | None = None


def predicted(run: Run, folds: Sequence[int], kg: KnowledgeGraph) -> Predicted:
    """Read the predictions of finished folds.

    Nodes that a method ranks but predicts equal are told apart (`downstream.methods.untied.untied`).

    Args:
        run: of the importance stage.
        folds: its finished folds, at least one.
        kg: the graph that it was made on.
    """
    found = []
    for fold in folds:
        split = run.split(fold)
        value = untied(run.predictions(fold, kg.num_nodes), run.ranking_scores(fold, kg.num_nodes))
        members = _members(run, fold, kg.num_nodes)
        deviation = learned_deviation(run, fold, kg.num_nodes)
        found.append(FoldPrediction(value, kg.targets[split["train"]], split["test"], members, deviation))
    return put_together(found)


def put_together(folds: Sequence[FoldPrediction]) -> Predicted:
    """Give each node the prediction of the fold that tested it, or else the mean over the folds.

    Predictions beyond the labels that the fold was trained on are drawn in
    (`downstream.answers.score_scale.within_known`), so that all folds are on one scale.
    """
    nodes = np.arange(len(folds[0].value))
    fold_of = np.full(len(nodes), -1)
    for row, fold in enumerate(folds):
        fold_of[fold.test] = row
    beyond = [_beyond(fold.value, fold.labels) for fold in folds]
    deviations = [fold.deviation for fold in folds if fold.deviation is not None]
    return Predicted(
        value=own_or_mean([within_known(fold.value, fold.labels) for fold in folds], fold_of),
        fold=fold_of,
        drawn_in=np.where(fold_of >= 0, np.stack(beyond)[fold_of, nodes], np.any(beyond, axis=0)),
        spread=None
        if any(fold.members is None for fold in folds)
        else own_or_mean([_spread(fold) for fold in folds], fold_of),
        deviation=own_or_mean(deviations, fold_of) if len(deviations) == len(folds) else None,
    )


def own_or_mean(rows: Sequence[Floats], fold_of: Ints) -> Floats:
    """(N,) of each node the value by the fold that tests it, and by the mean of all where none does.

    Args:
        rows: (N,) for each fold.
        fold_of: (N,) the row of the fold that tests a node; -1 for none.

    >>> own_or_mean([np.array([1.0, 2.0]), np.array([3.0, 4.0])], np.array([1, -1])).tolist()
    [3.0, 3.0]
    """
    own: Floats = np.where(fold_of >= 0, np.stack(rows)[fold_of, np.arange(len(fold_of))], np.mean(rows, axis=0))
    return own


def _beyond(value: Floats, labels: Floats) -> Bools:
    rounding = ROUNDING * labels.max()
    return np.asarray((value < labels.min() - rounding) | (value > labels.max() + rounding))


def _spread(fold: FoldPrediction) -> Floats:
    """(N,) the standard deviation over the members of a fold."""
    assert fold.members is not None
    deviation: Floats = np.std([within_known(one, fold.labels) for one in fold.members], axis=0)
    return deviation


def _members(run: Run, fold: int, num_nodes: int) -> Floats | None:
    """(M, N) predictions of the fold's members; None where there are no members."""
    members = [name for name in run.files(fold) if MEMBER.fullmatch(name)]
    if not members:
        return None
    rows: Floats = np.stack([run.array(fold, name, (2, num_nodes))[1] for name in members])
    return rows
