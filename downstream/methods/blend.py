"""A blend of finished runs: the weighted mean of their predictions, or of the ranks that these give the nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from scipy.optimize import nnls

from downstream.methods.finished_predictions import prediction_of, runs_to
from downstream.methods.fitted import Fitted
from downstream.methods.fold_work import FoldWork
from downstream.methods.method_settings import BlendConfig, BlendedAverage
from nie.arrays import Floats, Ints
from nie.data import KnowledgeGraph
from nie.progress import log
from nie.rank_correlation import spearman
from nie.runs.run import Run
from pretrain.cross_validation import Fold

PARTS = 5
"""Of the validation nodes, for the figures of a blend on them."""


def check_blend(work: FoldWork) -> Fitted:
    """Make the blend of a fold, which is its check, too: it only reads finished runs.

    Raises:
        NieError: see `blend`.
    """
    config = cast(BlendConfig, work.config)
    return blend(
        config.parts, work.inputs.kg, work.fold, average=config.average, skip_unfinished=config.skip_unfinished
    )


def fit_blend(_work: FoldWork, checked: Fitted, _folder: Path) -> Fitted:
    """Return what `check_blend` made."""
    return checked


def blend(
    parts: Sequence[str], kg: KnowledgeGraph, fold: Fold, *, average: BlendedAverage = "scores",
    skip_unfinished: bool = False,
) -> Fitted:  # fmt: skip
    """Blend the predictions that ``parts`` made for ``fold``: ``c + sum_i w_i (prediction_i - c)``, all w_i >= 0.

    c is the mean training label, and the weights have the least squared error on the *validation* nodes (non-negative
    least squares; stacking, Wolpert 1992, Breiman 1996). The validation figures of a blend are cross-fitted: each fifth
    of the validation nodes is predicted with weights from the others, so that a blend and a single method are compared
    fairly. (These labels chose the epoch, the rounds or the penalty of every method, here and there alike.)

    The blend of ranks averages, with weights that are found in the same way, the share of training nodes that are below
    a node by each part, so that it matters little where a part puts the nodes without labels. To be in units of labels,
    it takes the values of the blend of scores in its own order: the highest node has the highest value. A part counts
    there by its order alone, whatever its scale and its outliers.

    Args:
        parts: folders of stage-2 runs.
        kg: the graph.
        fold: the fold.
        average: of ``scores`` or of ``ranks``, or ``chosen``: that of ranks where its Spearman correlation on the
            validation nodes, cross-fitted, is above that of scores.
        skip_unfinished: leave out the parts that have not finished the fold, where at least two others have. Their
            weights are 0, a warning names them, and so do the facts, as ``left_out``.

    Raises:
        NieError: a part has not finished the fold, is of another dataset or fold, is no run of the importance stage,
            or has the name of another part.
    """
    every = runs_to("blend", parts)
    runs = _finished(every, fold) if skip_unfinished else every
    made = _blend(runs, kg, fold, average)
    if len(runs) == len(every):
        return made
    left_out = [run.path.name for run in every if run not in runs]
    log.warning("fold %d is blended without %s, which has not finished it", fold.index, ", ".join(left_out))
    weights = {run.path.name: made.facts["weights"].get(run.path.name, 0.0) for run in every}
    return replace(made, facts={**made.facts, "weights": weights, "left_out": left_out})


def _finished(runs: Sequence[Run], fold: Fold) -> Sequence[Run]:
    """Those that have finished the fold; all where fewer than two have, which cannot be blended."""
    done = [run for run in runs if run.is_done(fold.index)]
    return done if len(done) > 1 else runs


def _blend(runs: Sequence[Run], kg: KnowledgeGraph, fold: Fold, average: BlendedAverage) -> Fitted:
    names = [run.path.name for run in runs]
    predictions = np.stack([prediction_of("blend", run, kg, fold) for run in runs], axis=1)
    of_scores = _mixed(predictions, lambda ids: kg.targets[ids], float(kg.targets[fold.train].mean()), names, fold)
    if average == "scores":
        return of_scores
    shares = np.stack([_ordered_shares(one, fold.train) for one in predictions.T], axis=1)
    mixed = _mixed(shares, lambda ids: _shares_below(kg.targets[ids], kg.targets[fold.train]), 0.5, names, fold)
    of_ranks = _with_values_of(of_scores, mixed)
    if average == "ranks":
        return of_ranks
    return of_ranks if _judged(of_ranks, kg, fold) > _judged(of_scores, kg, fold) else of_scores


def _judged(fitted: Fitted, kg: KnowledgeGraph, fold: Fold) -> float:
    """Spearman's correlation on the validation nodes, cross-fitted."""
    told = fitted.prediction if fitted.unseen is None else fitted.unseen
    return spearman(kg.targets[fold.val], told[fold.val])


def _mixed(
    values: Floats, target_of: Callable[[Ints], Floats], centre: float, names: Sequence[str], fold: Fold
) -> Fitted:
    """The weighted sum of the columns of ``values`` (N, parts) that is nearest to the targets of validation nodes."""

    def blended(ids: Ints) -> tuple[Floats, Floats]:
        weights, _ = nnls(values[ids] - centre, target_of(ids) - centre)
        return centre + (values - centre) @ weights, weights

    prediction, weights = blended(fold.val)
    unseen = prediction.copy()
    for part in np.array_split(np.random.default_rng(fold.index).permutation(fold.val), min(PARTS, len(fold.val))):
        others = np.setdiff1d(fold.val, part)
        unseen[part] = blended(others)[0][part] if len(others) else centre
    named = {name: float(weight) for name, weight in zip(names, weights, strict=True)}
    return Fitted(prediction, prediction, facts={"weights": named}, unseen=unseen)


def _shares_below(values: Floats, others: Floats) -> Floats:
    """(n,) the share of ``others`` that are lower than a value, with half of those that are equal."""
    ascending = np.sort(others)
    lower, up_to = (np.searchsorted(ascending, values, side) for side in ("left", "right"))
    return np.asarray((lower + up_to) / 2 / len(ascending))


def _ordered_shares(values: Floats, train: Ints) -> Floats:
    """(N,) the shares of training nodes below all nodes, which together count as one more of them.

    Without that one, nodes between the same two training nodes would be equal: of few labels, most nodes.
    """
    return (len(train) * _shares_below(values, values[train]) + _shares_below(values, values)) / (len(train) + 1)


def _with_values_of(scores: Fitted, ranks: Fitted) -> Fitted:
    """The blend of ranks, its values in their order replaced by those of the blend of scores in theirs."""
    values = np.sort(scores.prediction)
    knots, first, counts = np.unique(np.sort(ranks.prediction), return_index=True, return_counts=True)
    of_equal = np.add.reduceat(values, first) / counts  # nodes that are equal stay so

    def in_units(mixed: Floats) -> Floats:
        return np.asarray(np.interp(mixed, knots, of_equal))

    prediction = in_units(ranks.prediction)
    unseen = None if ranks.unseen is None else in_units(ranks.unseen)
    facts = {**ranks.facts, "average": "ranks"}
    return replace(ranks, score=prediction, prediction=prediction, unseen=unseen, facts=facts)
