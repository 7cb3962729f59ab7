"""How many intervals around the scores of finished runs hold, beside plain split-conformal ones.

::

    python benchmarks/intervals.py checkpoints/downstream/fb15k/boosting-0728f372 --data-root datasets

The rival has one half-width for all nodes, the quantile of the absolute errors on the test nodes of the other folds.

With ``--scales``, of runs with ``--members 3 --loss.value gaussian``, nie's own intervals are compared by what tells
how unsure one prediction is beside another: nothing, the spread of the members, or the deviation that is learned. The
predictions are the same.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from downstream.answers.calibration import Calibration
from downstream.answers.coverage import coverage_by_group
from downstream.answers.interval import COVERAGE, Intervals
from downstream.answers.node_scores import score_nodes
from downstream.answers.predicted import predicted
from downstream.reports.tables import markdown_grid
from nie.arrays import Floats
from nie.data import load
from nie.errors import NieError
from nie.runs.run import read_run


def plain_interval(calibration: Calibration, coverage: float) -> tuple[Floats, Floats]:
    """Lower and upper ends, (N,) each: the prediction and the same distance on either side of it.

    >>> tested = Calibration(np.zeros(40), np.repeat([1.0, -3.0], 20), np.arange(40) % 2, np.ones(40), np.ones(40))
    >>> [float(end[0]) for end in plain_interval(tested, 0.9)]
    [-3.0, 3.0]
    """
    error, reach = np.abs(calibration.truth - calibration.prediction), np.zeros(len(calibration.part))
    for part in np.unique(calibration.part):
        others = np.sort(error[(calibration.part >= 0) & (calibration.part != part)])
        reach[calibration.part == part] = others[math.ceil((len(others) + 1) * coverage) - 1]
    return (calibration.prediction - reach).clip(min=0), calibration.prediction + reach


def table(path: Path, data_root: Path, coverage: float) -> str:
    """Coverage and width by group of nodes, of nie's intervals and of plain ones."""
    intervals = score_nodes(read_run(path), data_root=data_root, coverage=coverage).intervals
    assert intervals is not None
    known = intervals.calibration
    ours, plain = (
        coverage_by_group(known, *ends) for ends in (known.interval(coverage), plain_interval(known, coverage))
    )
    rows = [
        [
            name,
            f"{one.nodes:,}",
            f"{one.share:.3f}",
            f"{plain[name].share:.3f}",
            f"{one.width:.2f}",
            f"{plain[name].width:.2f}",
        ]
        for name, one in ours.items()
    ]
    return markdown_grid(["held-out nodes", "nodes", "inside", "plain", "width", "plain"], rows)


def scale_table(path: Path, data_root: Path, coverage: float) -> str:
    """Coverage and width by group of nodes, by what is the scale of the intervals.

    Raises:
        NieError: the run does not have both, members and a learned deviation.
    """
    run = read_run(path)
    kg = load(run.config["dataset"], data_root)
    found = predicted(run, run.finished_folds(), kg)
    if found.spread is None or found.deviation is None:
        raise NieError(
            f"{path} must average members and learn the variance; train with --members, --loss.value gaussian."
        )
    kinds = {
        "none": replace(found, spread=None, deviation=None),
        "spread": replace(found, deviation=None),
        "variance": replace(found, spread=None),
    }
    judged = []
    for kind in kinds.values():
        known = Intervals.of(kind, kg, np.ones(kg.num_nodes, dtype=bool)).calibration
        judged.append(coverage_by_group(known, *known.interval(coverage)))
    rows = [
        [name, f"{one.nodes:,}", *(f"{each[name].share:.3f}, {each[name].width:.2f}" for each in judged)]
        for name, one in judged[0].items()
    ]
    return markdown_grid(["held-out nodes", "nodes", *(f"{name}: inside, width" for name in kinds)], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run of stage 2")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--coverage", type=float, default=COVERAGE)
    parser.add_argument("--scales", action="store_true", help="compare scales in the place of plain intervals")
    arguments = parser.parse_args()
    for folder in arguments.runs:
        print(f"\n{folder.parent.name}/{folder.name}, coverage {arguments.coverage:g}, width on the label scale:\n")
        try:
            made = scale_table if arguments.scales else table
            print(made(folder, arguments.data_root, arguments.coverage))
        except NieError as error:
            sys.exit(str(error))
