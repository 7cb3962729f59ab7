"""Which of several runs is best, by its validation nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from downstream.methods.table import method_of
from downstream.reports.results import most_folds
from nie.runs.run import Run, mean_sd


def validated(run: Run) -> float:
    """Mean Spearman on the validation nodes of the finished folds; minus infinity where it is undefined."""
    mean = mean_sd([run.figures(fold, "val").get("spearman") for fold in run.finished_folds()])["mean"]
    return -math.inf if mean is None else float(mean)


def best_run(runs: Sequence[Run]) -> Run:
    """The run that is best `validated`, and of equals the one of least error there; test figures play no part.

    Only methods that see no test label take part, and only runs on the folds that `most_folds` gives.
    """
    most = most_folds(run.finished_folds() for run in runs)
    candidates = [run for run in runs if tuple(run.finished_folds()) == most]
    known = [(run, method) for run in candidates if (method := method_of(run)) is not None]
    honest = [run for run, method in known if not method.sees_test_labels]
    return max(honest or candidates, key=lambda run: (validated(run), -_validation_error(run)))


def _validation_error(run: Run) -> float:
    """Mean RMSE on the validation nodes of the finished folds, which is defined for a single node, too."""
    mean = mean_sd([run.figures(fold, "val").get("rmse") for fold in run.finished_folds()])["mean"]
    return math.inf if mean is None else float(mean)
