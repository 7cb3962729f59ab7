"""Running a study: what is missing is run, what is finished is reused, and the report is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.reports import figure_files
from downstream.reports.page import PACKAGES, Table
from downstream.stages.runner import Runner, raise_failures
from downstream.studies.ground import StudySettings
from downstream.studies.records import Recorded, Records, left_to_run
from downstream.studies.report import results_of, write_report
from downstream.studies.seeds import merged, of_first_seed, on_seeds, seed_name
from downstream.studies.served import lacking, served
from downstream.studies.study import Arm, ArmFailure, Study, configs_of, finished_arms, run_arms
from nie.deadline import time_limit
from nie.errors import NieError, nearest, shown
from nie.extras import require_all
from nie.runs.run import Run


def run_study(
    study: Study, settings: StudySettings, *, runner: Runner, folder: Path, command: str,
    only: Sequence[str] = (), minutes: float | None = None, report_only: bool = False, records: Path | None = None,
) -> str:  # fmt: skip
    """Run what is missing of a study and write its report; return the table as Markdown.

    Args:
        study: of `downstream.studies.catalogue.STUDIES`.
        settings: of the dataset, of ``study.ground.settings``.
        runner: how the runs are made.
        folder: where the report is written: tables, figures, ``report.html``.
        command: the command line, for the report.
        only: names of the arms to run; the report has those of the others that were finished before, too.
        minutes: stop after so many; the same call goes on.
        report_only: run nothing.
        records: a file of figures that were measured before, of `downstream.studies.records`: their folds are not run
            again, and what is measured now is added to it.

    Raises:
        NieError: an unknown study or arm, bad input, nothing to report, or arms that failed, after the report of the
            others is written.
    """
    if study.run is not None:
        require_all(PACKAGES)
        unpaced = not study.paced and (minutes is not None or settings.epochs is not None)
        if only or records is not None or unpaced:
            flags = "--only and --records" if study.paced else "--only, --minutes, --epochs and --records"
            raise NieError(f"The study {study.name} is no table of rows that are run; leave {flags} out.")
        with time_limit(None if minutes is None else 60 * minutes):
            return study.run(
                settings, question=study.question, runner=runner, folder=folder, command=command,
                report_only=report_only,
            )  # fmt: skip
    every = all_arms(study, settings)
    asked = asked_for(only, every, study.name)
    kg = runner.graph(settings.dataset)
    chosen = served(asked, kg, study.name)
    arms = [arm for arm in every if not lacking(arm, kg)]

    recorded = (Records() if records is None else Records.read(records)).by_row(arms, runner)
    chosen = left_to_run(chosen, recorded)
    runner.require_packages(() if report_only else configs_of(chosen), PACKAGES)

    def report(runs: Mapping[str, Run], figures: Mapping[str, str] | None = None, further: Sequence[Table] = ()) -> str:
        if records is not None:
            Records.read(records).with_runs(runs, study).write(records)  # which another process may have written to
        return write_report(folder, command, study, arms, runs, recorded, figures, further)

    def report_so_far(made: Mapping[str, Run]) -> None:
        if made:
            report(finished_arms(arms, runner))

    failed: list[ArmFailure] = []
    if not report_only:
        _, failed = run_arms(chosen, runner, minutes=minutes, after=report_so_far)
    runs = finished_arms(arms, runner)
    if runs or recorded or not failed:
        further, own = study.also(arms, runs, runner) if study.also and runs else ([], {})

        def draw() -> dict[str, Any]:
            results = merged(results_of(study, arms, runs, recorded), arms)
            drawn = {
                **study.ground.figures(results, of_first_seed(runs, arms), kg),
                **study.drawn(arms, results),
                **own,
            }
            return {title: figure for title, figure in drawn.items() if figure is not None}

        made_from = [study.name, *figure_files.drawn_from(runs), *_figures(recorded)]
        text = report(runs, figure_files.kept_or_drawn(folder, made_from, draw), further)
    raise_failures([failure.said for failure in failed], f"in {folder}")
    return text


def all_arms(study: Study, settings: StudySettings) -> list[Arm]:
    """The arms of a study with all of its seeds."""
    return on_seeds(study.arms(settings), study.seeds) if study.seeds else study.arms(settings)


def asked_for(only: Sequence[str], arms: list[Arm], study: str) -> list[Arm]:
    """The arms that are named, or all where none is.

    Raises:
        NieError: the study has no such arm; those that are the name with something in brackets are all likely.
    """
    names = list(dict.fromkeys(name for arm in arms for name in _names(arm)))
    for wanted in only:
        if wanted not in names:
            likely = " or ".join(shown(name) for name in names if name.startswith(f"{wanted} ("))
            hint = f" (did you mean {likely}?)" if likely else nearest(wanted, names)
            raise NieError(f"The study {study} has no arm {shown(wanted)}{hint}: {', '.join(names)}.")
    return [arm for arm in arms if not only or set(_names(arm)) & set(only)]


def _figures(recorded: Recorded) -> list[Any]:
    return [
        [row, record.run, fold, record.figures] for row, folds in recorded.items() for fold, record in folds.items()
    ]


def _names(arm: Arm) -> list[str]:
    """What the arm can be asked for by: the row that it repeats, with all of its seeds, and the row with its own."""
    if arm.repeats is None:
        return [arm.name]
    row, number = arm.repeats
    return [row, seed_name(row, number)]
