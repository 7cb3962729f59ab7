"""Running a study: what is missing is run, what is finished is reused, and the report is written."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from downstream import figures
from downstream.embedding_maps import write_maps
from downstream.jobs import Runner
from downstream.main_job import best_run
from downstream.report import seconds_of, write_page, write_tables
from downstream.results import Results
from downstream.studies import ETA2S, GAMMAS, STUDIES, Settings, find_study, finished_arms, grid_name, run_arms
from nie.data import load
from nie.errors import NieError, nearest
from nie.runs import Run

STUDY_NAMES = (*STUDIES, "tsne")


def run_study(
    name: str, dataset: str, *, runner: Runner, folder: Path, command: str, profile: str = "fast",
    flags: Sequence[str] = (), only: Sequence[str] = (), minutes: float | None = None, report_only: bool = False,
) -> str:  # fmt: skip
    """Run what is missing of a study and write its report; return the table as Markdown.

    Args:
        name: a key of `downstream.studies.STUDIES`, or ``tsne``.
        dataset: a known or processed dataset.
        runner: how the runs are made.
        folder: where the report is written: tables, figures, ``report.html``.
        command: the command line, for the report.
        profile: recipe of a dataset without one of its own.
        flags: settings that both stages know.
        only: names of the arms to run; the report has those of the others that were finished before, too.
        minutes: no further arm is started after so many.
        report_only: run nothing.

    Raises:
        NieError: an unknown study or arm, bad input, folds that failed, or nothing to report.
    """
    if name == "tsne":
        return write_maps(folder, command, Settings(dataset, profile, flags).licap(), runner)
    study = find_study(name)
    arms = study.arms(Settings(dataset, profile, flags))
    names = [arm.name for arm in arms]
    for wanted in only:
        if wanted not in names:
            raise NieError(f"The study {name} has no arm {wanted!r}{nearest(wanted, names)}: {', '.join(names)}.")
    known = finished_arms(arms, runner.run_root)

    def in_order(made: dict[str, Run]) -> dict[str, Run]:
        found = {**known, **made}
        return {arm: found[arm] for arm in names if arm in found}

    made: dict[str, Run] = {}
    if not report_only:
        chosen = [arm for arm in arms if not only or arm.name in only]
        made = run_arms(
            chosen, runner, minutes=minutes, after=lambda runs: write_tables(folder, command, study, in_order(runs)),
        )  # fmt: skip
    runs = in_order(made)
    text = write_tables(folder, command, study, runs)
    write_page(folder, command, study, runs, figures.write_figures(folder, _figures(name, runs, runner)))
    return text


def _figures(name: str, runs: dict[str, Run], runner: Runner) -> dict[str, object]:
    results = Results.of(runs)
    best = best_run(list(runs.values()))
    kg = load(results.dataset, runner.data_root)
    drawn = {
        "folds": figures.fold_points(results),
        "learning curves": figures.learning_curves(runs),
        "predicted against true": figures.predicted_against_true(best, kg),
        "training cost": figures.training_cost({row: statistics.fmean(seconds_of(run)) for row, run in runs.items()}),
    }
    if name == "grid":
        for metric in figures.DRAWN:
            means = {
                (gamma, eta2): results.summary(grid_name(gamma, eta2), metric)["mean"]
                for gamma in GAMMAS
                for eta2 in ETA2S
                if grid_name(gamma, eta2) in results.rows
            }
            defined = {place: float(mean) for place, mean in means.items() if mean is not None}
            drawn[f"grid {metric}"] = figures.heat_map(defined, "gamma", "eta2", metric)
    return {title: figure for title, figure in drawn.items() if figure is not None}
