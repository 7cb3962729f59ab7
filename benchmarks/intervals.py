"""How many intervals around the scores of finished runs hold, beside plain split-conformal ones.

::

    python benchmarks/intervals.py checkpoints/downstream/fb15k/boosting-0728f372 --data-root datasets

The rival has one half-width for all nodes, the quantile of the absolute errors on the test nodes of the other folds.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

from downstream.answers.calibration import Calibration
from downstream.answers.coverage import coverage_by_group
from downstream.answers.interval import COVERAGE
from downstream.answers.node_scores import score_nodes
from downstream.reports.tables import markdown_grid
from nie.arrays import Floats
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run of stage 2")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--coverage", type=float, default=COVERAGE)
    arguments = parser.parse_args()
    for folder in arguments.runs:
        print(f"\n{folder.parent.name}/{folder.name}, coverage {arguments.coverage:g}, width on the label scale:\n")
        try:
            print(table(folder, arguments.data_root, arguments.coverage))
        except NieError as error:
            sys.exit(str(error))
