"""A finished run of a method that is linear in the features: what each column adds to a score is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from downstream.answers.attribution import Attribution
from downstream.answers.feature_columns import feature_columns
from downstream.answers.finished_run import HasInputs, RunInputs, finished_config
from downstream.answers.score_sum import ScorePart, ScoreSum, is_same_score
from downstream.methods.baselines import FoldData
from downstream.methods.fitted import REACH
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from nie.arrays import Floats
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.inputs import NodeInputs


@dataclass(frozen=True, eq=False)
class LinearRun(HasInputs):
    """A finished run of a linear method, which is fitted anew to know its weights.

    Attributes:
        run: its folder.
        inputs: the graph, the features and the folds.
        config: its settings.
        weights: of its `downstream.methods.method.Method`.
    """

    run: Run
    inputs: NodeInputs
    config: ImportanceConfig
    weights: Callable[[FoldData], tuple[Floats, float]]
    _fits: dict[int, _Fit] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls, run: Run, *, data_root: str | Path = "datasets", shared: RunInputs | None = None
    ) -> LinearRun:  # fmt: skip
        """Open a run.

        Args:
            run: of the importance stage.
            data_root: folder of the datasets.
            shared: what runs that are opened with it have in common, in the place of ``data_root``.

        Raises:
            NieError: another stage made the run, it has no finished fold, its data have changed, or its method is not
                linear.
        """
        config = finished_config(run)
        weights = METHODS[config.method].weights
        if weights is None:
            raise NieError(f"{run.path} is a run of {config.method}, which is not linear in the features.")
        inputs = (shared or RunInputs(data_root)).of(run, config)
        return cls(run, inputs, config, weights)

    def score_by(self, fold: int, node: int, method: str) -> ScoreSum:
        """See `downstream.answers.score_sum.AskedRun`: the weight of a column times its distance from the mean."""
        if method == "attention":
            raise NieError(f"{self.config.method} has no attention; explain it by ig.")
        if fold not in self._fits:
            self._fits[fold] = _Fit.of(self, fold)
        fit = self._fits[fold]
        kg, row = self.kg, fit.data.features[node].astype(np.float64)
        score = float(row @ fit.weights + fit.constant)
        reach = REACH * float(np.abs(kg.targets[fit.data.fold.train]).max())
        kept = float(self.run.predictions(fold, kg.num_nodes)[node])
        if not is_same_score(kept, min(max(score, -reach), reach)):
            raise NieError(
                f"{self.run.path} predicts {kept:.4g} for node {node}, but the same fit gives {score:.4g} today; run "
                "it again to explain it."
            )
        facts = np.zeros(int(((kg.src == node) | (kg.dst == node)).sum()))
        if method != "ig":
            return ScoreSum([ScorePart(1.0, score, Attribution(facts))])
        widths = [len(columns) for columns in fit.columns.values()]
        owed = np.split(fit.weights * (row - fit.usual), np.cumsum(widths)[:-1])
        base = float(fit.usual @ fit.weights + fit.constant)
        by_channel = dict(zip(fit.columns, owed, strict=True))
        return ScoreSum([ScorePart(1.0, score, Attribution(facts, by_channel, base), fit.columns)])


@dataclass(frozen=True, eq=False)
class _Fit:
    """The fit of one fold.

    Attributes:
        data: what it was made from.
        weights: (d,) of the columns.
        constant: added to them.
        usual: (d,) mean features of the training nodes.
        columns: by channel the feature that each column belongs to.
    """

    data: FoldData
    weights: Floats
    constant: float
    usual: Floats
    columns: dict[str, list[str]]

    @classmethod
    def of(cls, run: LinearRun, fold: int) -> _Fit:
        work = FoldWork.of(METHODS[run.config.method], run.config, run.inputs, run.inputs.folds[fold])
        data = FoldData.of(work)
        weights, constant = run.weights(data)
        usual = data.features[data.fold.train].mean(axis=0, dtype=np.float64)
        return cls(data, weights, constant, usual, feature_columns(work))
