"""How the learned weights of relation vectors move while they are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.arms import Arm
from downstream.figures import mean_curve
from downstream.jobs import Runner
from downstream.page import Table
from nie.runs import Run


def learned_weights(
    _arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner
) -> tuple[list[Table], dict[str, Any]]:
    """A table of the weights in the first and in the last epoch, mean over the folds, of the arms that learn them."""
    rows = []
    for name, run in runs.items():
        for weight in ("similarity weight", "context weight"):
            curve = list(mean_curve(run, weight).values())
            if len(set(curve)) > 1:
                rows.append([name, weight, f"{curve[0]:.3f}", f"{curve[-1]:.3f}"])
    note = "Means over the folds; the vector that they add to always counts once."
    return [Table("Learned weights", ["method", "weight", "first epoch", "last epoch"], rows, note)] if rows else [], {}
