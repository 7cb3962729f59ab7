"""A blend of finished runs: the weighted mean of their predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from downstream.methods.fitted import Fitted
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.method import Method
from downstream.methods.untied import untied
from nie.arrays import Floats, Ints
from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.runs.run import Run, read_run
from pretrain.cross_validation import Fold, binding

PARTS = 5
"""Of the validation nodes, for the figures of a blend on them."""


def check_blend(method_of: Callable[[Run], Method | None], work: FoldWork) -> Fitted:
    """Make the blend of a fold, which is its check, too: it only reads finished runs.

    Raises:
        NieError: the method of a part sees test labels; or see `blend`.
    """
    parts = work.config.reads_runs()["parts"]
    for part in parts:
        run = read_run(part, ImportanceConfig.stage)
        method = method_of(run)
        if method is not None and method.sees_test_labels:
            raise NieError(
                f"{part} is a run of {run.config['method']}, which sees the test labels; a blend with it would see "
                "them, so leave it out."
            )
    return blend(parts, work.inputs.kg, work.fold)


def fit_blend(_work: FoldWork, checked: Fitted, _folder: Path) -> Fitted:
    """Return what `check_blend` made."""
    return checked


def blend(parts: Sequence[str], kg: KnowledgeGraph, fold: Fold) -> Fitted:
    """Blend the predictions that ``parts`` made for ``fold``: ``c + sum_i w_i (prediction_i - c)``, all w_i >= 0.

    c is the mean training label, and the weights have the least squared error on the *validation* nodes (non-negative
    least squares; stacking, Wolpert 1992, Breiman 1996). The validation figures of a blend are cross-fitted: each fifth
    of the validation nodes is predicted with weights from the others, so that a blend and a single method are compared
    fairly. (These labels chose the epoch, the rounds or the penalty of every method, here and there alike.)

    Args:
        parts: folders of stage-2 runs.
        kg: the graph.
        fold: the fold.

    Raises:
        NieError: a part has not finished the fold, is of another dataset or fold, is no run of the importance stage,
            or has the name of another part.
    """
    runs = [read_run(part, ImportanceConfig.stage) for part in parts]
    names = [run.path.name for run in runs]
    if len(set(names)) < len(names):
        raise NieError(f"The parts must be different runs; got {', '.join(names)}.")
    predictions = np.stack([_prediction(run, kg, fold) for run in runs], axis=1)
    centre = float(kg.targets[fold.train].mean())

    def blended(ids: Ints) -> tuple[Floats, Floats]:
        weights, _ = nnls(predictions[ids] - centre, kg.targets[ids] - centre)
        return centre + (predictions - centre) @ weights, weights

    prediction, weights = blended(fold.val)
    unseen = prediction.copy()
    for part in np.array_split(np.random.default_rng(fold.index).permutation(fold.val), min(PARTS, len(fold.val))):
        others = np.setdiff1d(fold.val, part)
        unseen[part] = blended(others)[0][part] if len(others) else centre
    named = {run.path.name: float(weight) for run, weight in zip(runs, weights, strict=True)}
    return Fitted(prediction, prediction, facts={"weights": named}, unseen=unseen)


def _prediction(run: Run, kg: KnowledgeGraph, fold: Fold) -> Floats:
    if not run.is_done(fold.index):
        raise NieError(f"{run.path} has no finished fold {fold.index} to blend; run it first.")
    if run.metrics(fold.index).get("binding") != binding(kg, fold):
        raise NieError(f"{run.path} is of another dataset or fold; blend only runs of the same.")
    # On steps of PageRank's fit many nodes are equal, whose order it knows.
    return untied(run.predictions(fold.index, kg.num_nodes), run.ranking_scores(fold.index, kg.num_nodes))
