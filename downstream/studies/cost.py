"""What the rows of a study cost: seconds, and the size of their models."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Mapping

from downstream.reports.page import Table
from downstream.stages.table import STAGES
from nie.errors import NieError
from nie.runs.run import Run, read_run

COST_NOTE = (
    "Mean seconds of training and evaluation, with those of LICAP where it stands in front; other work on the "
    "machine counts too. GB: the most memory that the process of a fold had; what ran before in the same process "
    "counts, too, and with --jobs 2 each fold has its own."
)


def cost_table(runs: Mapping[str, Run], unit: str, recorded: Mapping[str, float]) -> Table:
    """Seconds, milliseconds per epoch, memory and parameters by row.

    Args:
        runs: by row.
        unit: what runs are repeated over, in the plural: "folds" or "repetitions".
        recorded: seconds of rows whose runs may be gone; nan where they are not known.
    """
    seconds = {name: spent for name, spent in {**recorded, **seconds_by_row(runs)}.items() if not math.isnan(spent)}
    sizes = {name: _size(run) for name, run in runs.items()}
    rows = [
        [name, f"{seconds[name]:.1f}" if name in seconds else "—", *sizes.get(name, ("—",) * 3)]
        for name in dict.fromkeys([*recorded, *runs])
    ]
    headers = ["method", f"seconds a {unit.removesuffix('s')}", "ms an epoch", "GB", "parameters"]
    return Table("Cost", headers, rows, COST_NOTE)


def seconds_by_row(runs: Mapping[str, Run]) -> dict[str, float]:
    """Mean seconds of a fold, all sittings together, with the pretraining that it reads or the parts that it blends.

    A row whose pretraining or parts are gone is left out.
    """
    seconds = {}
    for name, run in runs.items():
        with contextlib.suppress(NieError):
            seconds[name] = _mean_seconds(run)
    return seconds


def _mean_seconds(run: Run) -> float:
    settings = STAGES[run.stage].recipes.settings_of(run.config.get("method"))
    named = [run.config.get(name) or [] for name in settings.runs_in]
    read = [path for paths in named for path in ([paths] if isinstance(paths, str) else paths)]
    return statistics.fmean(seconds_of_fold(run, fold) for fold in run.finished_folds()) + sum(
        _mean_seconds(read_run(path)) for path in read
    )


def seconds_of_fold(run: Run, fold: int) -> float:
    """Seconds of training a finished fold, all sittings together; of a method that only fits, those of the fit."""
    timing = run.timing(fold)
    return float(timing.get("train_seconds") or timing["seconds_this_sitting"])


def _size(run: Run) -> list[str]:
    """Milliseconds per epoch, memory, and number of parameters of a network, or of all that are averaged."""
    fold = run.finished_folds()[0]
    facts = run.metrics(fold).get("fit", {})
    each = [facts, *(member for member in facts.values() if isinstance(member, dict))]
    counts = [one["parameters"] for one in each if "parameters" in one]
    epoch = run.timing(fold).get("seconds_per_epoch")
    peaks = [peak for one in run.finished_folds() if (peak := run.timing(one).get("peak_memory_gb")) is not None]
    return [
        "—" if epoch is None else f"{1000 * epoch:.0f}",
        f"{max(peaks):.1f}" if peaks else "—",
        f"{sum(counts):,}" if counts else "—",
    ]
