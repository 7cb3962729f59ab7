"""GENI's case study: the nodes that each method ranks highest, beside the truth and beside the other methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from downstream.answers.node_scores import listed_by_rank, number_text, rank_of
from downstream.answers.predicted import predicted
from downstream.reports.page import Table, write_markdown, write_page, write_text
from downstream.reports.tables import csv_text
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.stages.same_graph import check_same_graph
from downstream.studies.methods import MAIN_METHODS, raw_arms
from downstream.studies.settings import Settings
from downstream.studies.study import Study
from nie.arrays import Floats, Ints
from nie.data import KnowledgeGraph
from nie.data.version import version_of
from nie.errors import NieError
from nie.runs.run import Run

METHODS = (*(method for method in MAIN_METHODS if method != "ppr-published"), "boosting-neighbours")
TOP = 10
FIELDS = ["method", "rank", "node", "true_rank", "importance"]


@dataclass(frozen=True, eq=False)
class Case:
    """How methods rank the nodes that were tested.

    Attributes:
        nodes: (n,) ids of the test nodes of all folds that every method has finished.
        names: of all nodes of the graph.
        importance: (n,) the true importance.
        scores: by method, (n,) what the fold that tested a node predicts for it.

    Example:
        >>> case = Case(np.arange(3), list("abc"), np.array([9.0, 5.0, 1.0]), {"gcn": np.array([2.0, 3.0, 1.0])})
        >>> case.true_rank.tolist(), case.ranks["gcn"].tolist(), case.top("gcn", 2)
        ([1, 2, 3], [2, 1, 3], [1, 0])
    """

    nodes: Ints
    names: list[str]
    importance: Floats
    scores: Mapping[str, Floats]

    @cached_property
    def true_rank(self) -> Ints:
        """(n,) 1 for the most important; equal ones share the best of their places."""
        return rank_of(self.importance)

    @cached_property
    def ranks(self) -> dict[str, Ints]:
        """By method, (n,) 1 for the highest score; equal ones share the best of their places."""
        return {method: rank_of(score) for method, score in self.scores.items()}

    def name(self, place: int) -> str:
        """Name of the node at a place of `nodes`."""
        return str(self.names[self.nodes[place]])

    def true_top(self, count: int = TOP) -> list[int]:
        """Places in `nodes` of the most important; of equal ones, those first by name."""
        return self._first(self.true_rank, count)

    def top(self, method: str, count: int = TOP) -> list[int]:
        """Places in `nodes` of those that a method ranks highest; of equal ones, those first by name."""
        return self._first(self.ranks[method], count)

    def _first(self, rank: Ints, count: int) -> list[int]:
        return listed_by_rank(rank, [self.name(place) for place in range(len(self.nodes))])[:count]


def write_case_study(
    settings: Settings, *, question: str, runner: Runner, folder: Path, command: str, report_only: bool
) -> str:
    """Write the top 10 of every method that has a finished run, with true ranks; return the Markdown.

    Nothing is run. Ranks are among the test nodes of the folds that all these runs have finished. The difference is the
    true rank less the predicted one: +90 is a node that stands 90 places further down than the method says.

    Args:
        settings: of the dataset; the runs of methods with these settings, on raw features, are read.
        question: of the study.
        runner: where the graph and the runs are.
        folder: where ``table.md``, ``table.csv`` and ``report.html`` are written.
        command: what made it.
        report_only: makes no difference.

    Raises:
        NieError: no method has a finished run, no fold is finished by all that have one, or a run is of another graph.
    """
    runs = _finished(settings, runner)
    case = case_of(runs, runner.graph(settings.dataset))
    folds = ", ".join(map(str, _common_folds(runs)))
    ground = f"Ranks among the {len(case.nodes):,} test nodes of the folds {folds}, by the fold that tests each."
    most = "The most important test nodes, and their rank in each method."
    of_any = {place for method in case.scores for place in case.top(method)}
    high = f"All nodes that any method ranks among its {TOP} highest."
    tables = [
        _summary(case, ground),
        _side_by_side(case, f"True top {TOP}", case.true_top(), most),
        _side_by_side(case, "Differences between methods", of_any, high),
        *(_of_method(case, method) for method in case.scores),
    ]
    rows = [[method, *row[:3], row[-1]] for method in case.scores for row in _top_rows(case, method)]
    write_text(folder / "table.csv", csv_text(FIELDS, rows))
    write_page(folder, question, settings.dataset, command, tables, {})
    return write_markdown(folder, question, settings.dataset, command, tables)


def case_of(runs: Mapping[str, Run], kg: KnowledgeGraph) -> Case:
    """How the runs rank the nodes that all of them have tested.

    Args:
        runs: by method, at least one.
        kg: the graph that they were made on.

    Raises:
        NieError: no fold is finished by all.
    """
    folds = _common_folds(runs)
    if not folds:
        have = "; ".join(f"{method} {run.finished_folds()}" for method, run in runs.items())
        raise NieError(f"No fold is finished by all methods ({have}); finish one, or name one with --folds.run.")
    found = {method: predicted(run, folds, kg) for method, run in runs.items()}
    nodes = np.flatnonzero(next(iter(found.values())).fold >= 0)
    scores = {method: of.value[nodes] for method, of in found.items()}
    return Case(nodes, list(kg.node_names), kg.labels[nodes], scores)


def _finished(settings: Settings, runner: Runner) -> dict[str, Run]:
    """The runs of methods that have a finished fold among those that are asked for."""
    runs = {}
    for arm in raw_arms(settings, METHODS):
        path = runner.path(arm.config)
        run = Run(path, {"dataset": settings.dataset, "method": arm.name}, arm.config.fold_numbers)
        if run.finished_folds():
            check_same_graph(run, version_of(runner.graph(settings.dataset)))
            runs[arm.name] = run
    if not runs:
        raise NieError(
            f"No method has a finished run on {settings.dataset} with these settings under {runner.run_root}; run "
            f"'nie study main {settings.dataset}', or 'nie {IMPORTANCE.command}' with the same settings, first."
        )
    return runs


def _common_folds(runs: Mapping[str, Run]) -> list[int]:
    return sorted(set.intersection(*(set(run.finished_folds()) for run in runs.values())))


def _summary(case: Case, note: str) -> Table:
    """How good each top 10 is as a whole."""
    rows = []
    for method in case.scores:
        top = case.top(method)
        true = case.true_rank[top]
        missed = np.abs(true - case.ranks[method][top]).mean()
        hits = [str(int((true <= count).sum())) for count in (TOP, 10 * TOP)]
        rows.append([method, *hits, f"{np.median(true):g}", str(true.max()), f"{missed:.1f}"])
    headers = [
        f"top {TOP} of", f"truly in the top {TOP}", f"in the top {10 * TOP}", "median true rank", "worst true rank",
        "mean distance to the true rank",
    ]  # fmt: skip
    return Table("Each top 10 as a whole", headers, rows, note)


def _side_by_side(case: Case, heading: str, places: Iterable[int], note: str) -> Table:
    """Some nodes in the order of their true rank, with their rank in all methods."""
    ordered = sorted(places, key=lambda place: (case.true_rank[place], case.name(place)))
    ranks = [case.true_rank, *case.ranks.values()]
    rows = [[case.name(place), *(str(rank[place]) for rank in ranks)] for place in ordered]
    return Table(heading, ["node", "true rank", *case.ranks], rows, note)


def _of_method(case: Case, method: str) -> Table:
    headers = ["rank", "node", "true rank", "difference", "true importance"]
    return Table(f"Top {TOP} of {method}", headers, _top_rows(case, method), "Difference: true rank less rank.")


def _top_rows(case: Case, method: str) -> list[list[str]]:
    rank, true = case.ranks[method], case.true_rank
    return [
        [str(rank[p]), case.name(p), str(true[p]), f"{true[p] - rank[p]:+d}", number_text(case.importance[p])]
        for p in case.top(method)
    ]


CASE_STUDY = Study(
    "case-study",
    "Which nodes does each method rank highest, and how far are these from their true rank?",
    run=write_case_study,
)
"""Reads finished runs, and runs none."""
