"""Running a study: what is missing is run, what is finished is reused, and the report is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.reports import figures
from downstream.reports.page import Table
from downstream.reports.results import Results, best_run
from downstream.stages.runner import Runner, raise_failures
from downstream.studies.report import seconds_by_row, unit, write_report
from downstream.studies.study import Study, finished_arms, run_arms
from nie.data import load
from nie.errors import NieError, nearest
from nie.runs.run import Run


def run_study(
    study: Study, settings: Any, *, runner: Runner, folder: Path, command: str,
    only: Sequence[str] = (), minutes: float | None = None, report_only: bool = False,
) -> str:  # fmt: skip
    """Run what is missing of a study and write its report; return the table as Markdown.

    Args:
        study: of `downstream.studies.catalogue.STUDIES`.
        settings: of the dataset, of ``study.settings``.
        runner: how the runs are made.
        folder: where the report is written: tables, figures, ``report.html``.
        command: the command line, for the report.
        only: names of the arms to run; the report has those of the others that were finished before, too.
        minutes: no further arm is started after so many.
        report_only: run nothing.

    Raises:
        NieError: an unknown study or arm, bad input, nothing to report, or arms that failed, after the report of the
            others is written.
    """
    if study.run is not None:
        if only or minutes is not None or settings.epochs is not None:
            raise NieError("This study has one row and no stage 2; leave --only, --minutes and --epochs out.")
        return study.run(settings, runner=runner, folder=folder, command=command, report_only=report_only)
    arms = study.arms(settings)
    names = [arm.name for arm in arms]
    for wanted in only:
        if wanted not in names:
            raise NieError(f"The study has no arm {wanted!r}{nearest(wanted, names)}: {', '.join(names)}.")

    def report(drawn: Mapping[str, str] | None = None, further: Sequence[Table] = ()) -> str:
        return write_report(folder, command, study, arms, finished_arms(arms, runner), drawn, further)

    failed: list[str] = []
    if not report_only:
        chosen = [arm for arm in arms if not only or arm.name in only]
        _, failed = run_arms(chosen, runner, minutes=minutes, after=lambda made: report() if made else None)
    runs = finished_arms(arms, runner)
    if runs or not failed:
        further, own = study.also(arms, runs, runner) if study.also and runs else ([], {})
        drawn = {**_figures(Results.of(runs), runs, runner), **own}
        text = report(figures.write_figures(folder, drawn), further)
    raise_failures(failed, f"in {folder}")
    return text


def _figures(results: Results, runs: Mapping[str, Run], runner: Runner) -> dict[str, Any]:
    if unit(runs) == "repetitions":
        drawn = {
            "repetitions": figures.fold_points(results, ("mrr", "hits@10")),
            "learning curves": figures.learning_curves(runs, "mrr"),
            "training cost": figures.training_cost(seconds_by_row(runs)),
        }
        return {title: figure for title, figure in drawn.items() if figure is not None}
    best = best_run(list(runs.values()))
    name = next(row for row, run in runs.items() if run is best)
    drawn = {
        "folds": figures.fold_points(results),
        "learning curves": figures.learning_curves(runs),
        "predicted against true": figures.predicted_against_true(name, best, load(results.dataset, runner.data_root)),
        "training cost": figures.training_cost(seconds_by_row(runs)),
    }
    return {title: figure for title, figure in drawn.items() if figure is not None}
