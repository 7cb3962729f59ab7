"""What it costs to score every node of a graph with finished runs, whose features are there already.

::

    python benchmarks/prediction_cost.py checkpoints/downstream/fb15k/rgcn-afca42c3 checkpoints/downstream/fb15k/blend-1

Networks run once forward, all members of them; trees and regressions, which no run keeps, are fitted anew first, which
does not count; a blend costs what its parts cost. Runs take turns in one process.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from machine import describe
from tabulate import tabulate

from downstream.answers.finished_run import RunInputs, finished_config
from downstream.answers.table_run import TableRun
from downstream.answers.trained import TrainedRun
from downstream.methods.baselines import FoldData
from downstream.methods.fold_work import FoldWork
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.studies.cost import seconds_of_fold
from nie.errors import NieError
from nie.runs.run import Run, read_run

Scorer = Callable[[], Any]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--data-root", default="datasets")
    parser.add_argument("--repeat", type=int, default=7, help="turns")
    options = parser.parse_args()
    shared, machine = RunInputs(options.data_root), describe("cpu")
    asked = {path: _parts(read_run(path, IMPORTANCE.name)) for path in options.runs}
    every = {str(run.path): run for parts in asked.values() for run in parts}
    scorers = {path: _scorer(run, options.fold, shared) for path, run in every.items()}
    taken: dict[str, list[float]] = {path: [] for path in scorers}
    for _ in range(options.repeat + 1):  # the first turn compiles
        for path, scorer in scorers.items():
            started = time.perf_counter()
            with torch.no_grad():
                scorer()
            taken[path].append(time.perf_counter() - started)
    median = {path: 1e3 * statistics.median(seconds[1:]) for path, seconds in taken.items()}
    rows = [
        [path, sum(median[str(run.path)] for run in parts), sum(seconds_of_fold(run, options.fold) for run in parts)]
        for path, parts in asked.items()
    ]
    print(f"{machine['threads']} threads, commit {machine['git_commit'][:8]}\n")
    print(tabulate(rows, ["run", "ms to score all nodes", "s of training"], tablefmt="github", floatfmt=",.0f"))


def _parts(run: Run) -> list[Run]:
    """The runs that a blend mixes; a run itself where it is none."""
    parts = run.config.get("parts") or []
    return [one for path in parts for one in _parts(read_run(path, IMPORTANCE.name))] or [run]


def _scorer(run: Run, fold: int, shared: RunInputs) -> Scorer:
    """What scores all nodes with a run."""
    config = finished_config(run)
    method = METHODS[config.method]
    if method.is_network:
        networks = TrainedRun.open(run, shared=shared).networks_of(fold)
        return lambda: [own.given.outputs(own.model, own.given.predicting) for own in networks]
    if method.predictor is not None:
        fit = TableRun.open(run, shared=shared).fit_of(fold)
        return lambda: fit.predict(fit.data.features)
    if config.method != "ridge":
        raise NieError(f"{run.path} is a run of {config.method}, whose prediction is not measured.")
    inputs = shared.of(run, config)
    table = FoldData.of(FoldWork.of(method, config, inputs, inputs.folds[fold])).features
    weights = np.ones(table.shape[1], dtype=table.dtype)  # any will do
    return lambda: table @ weights


if __name__ == "__main__":
    main()
