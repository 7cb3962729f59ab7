"""How the learned weights of relation vectors move while they are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.arms import Arm
from downstream.figures import fold_curves
from downstream.jobs import Runner
from downstream.page import Table
from nie.runs import Run, mean_sd


def learned_weights(
    _arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner
) -> tuple[list[Table], dict[str, Any]]:
    """A table of the weights after the first and after the last epoch, of the arms that learn them."""
    rows = []
    for name, run in runs.items():
        for weight in ("similarity weight", "context weight"):
            found = [curve for fold in run.finished_folds() for curve in fold_curves(run, fold, weight)]
            curves = [list(curve.values()) for curve in found if curve]
            if any(len(set(curve)) > 1 for curve in curves):
                ends = [mean_sd([curve[place] for curve in curves]) for place in (0, -1)]
                rows.append([name, weight, *(f"{end['mean']:.3f} ± {end['sd']:.3f}" for end in ends)])
    note = "Mean ± population standard deviation over folds or repetitions; the vector they add to counts once."
    return [Table("Learned weights", ["method", "weight", "first epoch", "last epoch"], rows, note)] if rows else [], {}
