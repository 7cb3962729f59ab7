"""Two finished runs against each other: figures, paired tests, and who is better in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from downstream.metrics.registry import METRICS, title
from downstream.reports.comparisons import (
    FEW_FOLDS,
    FOLDS_NOTE,
    TESTED_HEADERS,
    Comparison,
    compare,
    share_tested,
    tested_cells,
)
from downstream.reports.results import Results, find_runs, named
from downstream.reports.tables import headers_of, markdown_grid, measured_rows
from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError, nearest, shown
from nie.runs.check import is_run
from nie.runs.run import Run, read_run

SIGNIFICANT = 0.05
"""Below this p a difference is said to be sure."""
ROUNDING = 1e-9
"""Means that are closer are equal but for the last digits of the computation."""


@dataclass(frozen=True)
class RunComparison:
    """Two runs on the same folds; as text, a table of both, the tests and the verdict.

    Attributes:
        results: the figures of both, on the folds that both have.
        comparisons: the first against the second, by metric.
        other_data: whether they read other texts or features of the same nodes and labels.
    """

    results: Results
    comparisons: Sequence[Comparison]
    other_data: bool

    @property
    def verdict(self) -> str:
        """Who is better, and whether the folds suffice to say so, in words."""
        first, second = (self.results.title(row) for row in self.results.rows)
        folds = len(self.results.folds(next(iter(self.results.rows))))
        leading = {first: [one for one in self.comparisons if one.lead > ROUNDING]}
        leading[second] = [one for one in self.comparisons if one.lead < -ROUNDING]
        every = [one for ones in leading.values() for one in ones]
        if not every:
            return f"{first} and {second} do not differ on any metric that is defined on all folds."
        leads = "; ".join(f"{name} is better on {_titles(ones)}" for name, ones in leading.items() if ones)
        counted = f"{folds} folds suffice" if folds > 1 else "one fold suffices"
        sure = [one for one in every if one.p < SIGNIFICANT]
        if sure:
            which = "so" if len(sure) == len(every) else f"so of {_titles(sure)} alone"
            return f"{leads}; {counted} to say {which} (p < {SIGNIFICANT})."
        too_few = f"{folds} folds do not suffice" if folds > 1 else "one fold does not suffice"
        more = "; run both on more folds" if folds < FEW_FOLDS else ""
        return f"{leads}; but {too_few} to say that this is more than chance (no p < {SIGNIFICANT}){more}."

    def __str__(self) -> str:
        rows = markdown_grid([*headers_of(self.results), IMPORTANCE.unit], measured_rows(self.results))
        lines = [[title(one.metric), *tested_cells(one)] for one in self.comparisons]
        tests = markdown_grid(["metric", *TESTED_HEADERS], lines)
        other = ["They read other texts or features of the same nodes and labels."] if self.other_data else []
        return "\n\n".join([rows, tests, FOLDS_NOTE, *other, self.verdict])

    def _repr_markdown_(self) -> str:
        return str(self)


def compare_runs(first: Run, second: Run) -> RunComparison:
    """Compare two finished runs of importance estimation on the folds that both have.

    Every metric of the table is tested as studies do: `downstream.reports.paired_tests`, adjusted by Holm's method for
    the number of metrics.

    Args:
        first, second: finished runs, of `nie.runs.run.read_run`.

    Returns:
        Differences are of the first less the second.

    Raises:
        NieError: they are one run, of another stage, of other graphs, labels or folds, or have no fold in common.
    """
    for run in (first, second):
        run.check_stage(IMPORTANCE.name)
    if first.path.resolve() == second.path.resolve():
        raise NieError(f"{first.path} is given twice; give two different runs to compare.")
    datasets = [run.config["dataset"] for run in (first, second)]
    if datasets[0] != datasets[1]:
        raise NieError(f"The runs are on {datasets[0]} and on {datasets[1]}, so their figures do not compare.")
    folds = [run.finished_folds() for run in (first, second)]
    common = tuple(fold for fold in folds[0] if fold in folds[1])
    if not common:
        raise NieError(
            f"{first.path} and {second.path} have no finished fold in common (they have {folds[0]} and {folds[1]}); "
            "run both with the same --folds.run."
        )
    ours, theirs = _names(first, second)
    runs = {ours: replace(first, folds=common), theirs: replace(second, folds=common)}
    results = Results.of(runs)
    directed = [metric for metric in results.metrics if METRICS[metric].higher_is_better is not None]
    tests = compare(results, [(ours, theirs)], directed, share_tested(runs[ours]))
    data = {run.config.get("data") for run in (first, second)} - {None}  # which older runs and datasets of nie have not
    return RunComparison(results, tests, len(data) > 1)


def runs_named(
    names: Sequence[str], run_root: str | Path = "checkpoints", data_root: str | Path = "datasets",
    dataset: str | None = None,
) -> list[Run]:  # fmt: skip
    """The stage-2 runs that are meant by folders, or by names as ``nie table`` shows them.

    Args:
        names: of the runs.
        run_root: folder of the runs.
        data_root: folder of the datasets.
        dataset: whose table the names are of; by default the only one that has all of them.

    Raises:
        NieError: there is no such run, or several datasets have runs of these names.
    """
    found = {name: read_run(name, IMPORTANCE.name) for name in names if is_run(Path(name))}
    rest = [name for name in names if name not in found]
    if rest:
        table = named(find_runs(dataset or _only_dataset(rest, Path(run_root)), run_root, data_root))
        found |= {run.path.name: run for run in table.values()} | table
    for name in rest:
        if name not in found:
            raise NieError(
                f"There is no run {shown(name)}{nearest(name, found)}; give its folder or its name in the table."
            )
    return [found[name] for name in names]


def _only_dataset(names: Sequence[str], run_root: Path) -> str:
    """The only dataset that has runs with all of these names, as far as the names of their folders tell."""
    having = []
    for folder in sorted((run_root / IMPORTANCE.name).glob("[!.]*")):
        there = {known for run in folder.glob("[!.]*") for known in (run.name, run.name.rpartition("-")[0])}
        if there.issuperset(names):
            having.append(folder.name)
    if len(having) > 1:
        raise NieError(f"{', '.join(having)} all have runs of these names; say which with --dataset.")
    if not having:
        raise NieError(
            f"No dataset has runs named {' and '.join(names)} in {run_root}; give their folders, or names as 'nie "
            "table' shows them."
        )
    return having[0]


def _titles(comparisons: Sequence[Comparison]) -> str:
    return ", ".join(title(one.metric) for one in comparisons)


def _names(first: Run, second: Run) -> tuple[str, str]:
    """Labels where they differ, else names of the folders, else the folders."""
    if first.config["label"] != second.config["label"]:
        return first.config["label"], second.config["label"]
    if first.path.name != second.path.name:
        return first.path.name, second.path.name
    return str(first.path), str(second.path)
