"""Which of several runs is best, by its validation nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from downstream.methods.table import method_of
from downstream.reports.results import most_folds
from nie.runs.run import Run, mean_sd


def validated(run: Run) -> float:
    """Mean Spearman on the validation nodes of the finished folds; minus infinity where it is undefined."""
    return _on_validation(run, "spearman", -math.inf)


def best_run(runs: Sequence[Run]) -> Run:
    """The run that is best `validated`, and of equals the one of least error there; test figures play no part.

    Only methods that see no test label take part, and only runs on the folds that `most_folds` gives.
    """
    most = most_folds(run.finished_folds() for run in runs)
    candidates = [run for run in runs if tuple(run.finished_folds()) == most]
    known = [(run, method) for run in candidates if (method := method_of(run)) is not None]
    honest = [run for run, method in known if not method.sees_test_labels]
    return max(honest or candidates, key=lambda run: (validated(run), -_on_validation(run, "rmse", math.inf)))


def _on_validation(run: Run, metric: str, undefined: float) -> float:
    """Mean of a metric over the finished folds; RMSE is defined for a single node, too, unlike Spearman."""
    mean = mean_sd([run.figures(fold, "val").get(metric) for fold in run.finished_folds()])["mean"]
    return undefined if mean is None else float(mean)
