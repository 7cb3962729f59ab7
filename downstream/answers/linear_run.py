"""A finished run of a method that is linear in the features: what each column adds to a score is known exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from downstream.answers.attribution import Attribution
from downstream.answers.feature_columns import feature_columns
from downstream.answers.finished_run import FittedRun
from downstream.answers.score_sum import ScorePart, ScoreSum, is_same_score
from downstream.methods.baselines import FoldData
from downstream.methods.fitted import clipped
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from nie.arrays import Floats
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.label_scale import LabelScale


@dataclass(frozen=True, eq=False)
class LinearRun(FittedRun[ImportanceConfig]):
    """A finished run of a linear method, which is fitted anew to know its weights."""

    _fits: dict[int, _Fit] = field(default_factory=dict, repr=False)

    @classmethod
    def readable(cls, run: Run, config: ImportanceConfig) -> ImportanceConfig:
        """See `downstream.answers.finished_run.FittedRun`."""
        if METHODS[config.method].weights is None:
            raise NieError(f"{run.path} is a run of {config.method}, which is not linear in the features.")
        return config

    def score_by(self, fold: int, node: int, method: str) -> ScoreSum:
        """See `downstream.answers.score_sum.AskedRun`: the weight of a column times its distance from the mean.

        Where another function of the labels is learned, the way back bends the line on which all columns go from there
        to what they are, and integrated gradients along it are these products times one factor.
        """
        if method == "attention":
            raise NieError(f"{self.config.method} has no attention; explain it by ig.")
        if fold not in self._fits:
            self._fits[fold] = _Fit.of(self, fold)
        fit = self._fits[fold]
        kg, row = self.kg, fit.data.features[node].astype(np.float64)
        learned, usual = fit.learned(row), fit.learned(fit.usual)
        score, base = float(fit.scale.back(learned)), float(fit.scale.back(usual))
        kept = float(self.run.predictions(fold, kg.num_nodes)[node])
        if not is_same_score(kept, float(clipped(np.array(score), kg.targets[fit.data.fold.train]))):
            raise NieError(
                f"{self.run.path} predicts {kept:.4g} for node {node}, but the same fit gives {score:.4g} today; run "
                "it again to explain it."
            )
        facts = np.zeros(int(((kg.src == node) | (kg.dst == node)).sum()))
        if method != "ig":
            return ScoreSum([ScorePart(1.0, score, Attribution(facts))])
        widths = [len(columns) for columns in fit.columns.values()]
        bent = fit.scale.mean_slope(float(usual), float(learned))
        owed = np.split(bent * fit.weights * (row - fit.usual), np.cumsum(widths)[:-1])
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
        scale: from the labels that are judged to those that were fitted.
    """

    data: FoldData
    weights: Floats
    constant: float
    usual: Floats
    columns: dict[str, list[str]]
    scale: LabelScale

    def learned(self, row: Floats) -> Floats:
        """() what a row (d,) of features predicts, on the scale that is learned."""
        return np.asarray(row @ self.weights + self.constant)

    @classmethod
    def of(cls, run: LinearRun, fold: int) -> _Fit:
        method = METHODS[run.config.method]
        assert method.weights is not None, "asked when it was opened"
        work = FoldWork.of(method, run.config, run.inputs, run.inputs.folds[fold])
        data = FoldData.of(work)
        weights, constant = method.weights(data)
        usual = data.features[data.fold.train].mean(axis=0, dtype=np.float64)
        return cls(data, weights, constant, usual, feature_columns(work), work.scale)
