"""A command for each stage (``nie pretrain``, ``nie downstream``, ``nie link``), and ``nie run`` for several."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from typing import Any

from downstream.stages.importance import IMPORTANCE
from downstream.stages.table import STAGES
from nie.commands.data import building_options, datasets, given_building_options
from nie.commands.output import say
from nie.commands.parser import Commands, a_path, roots, whole_number
from nie.progress import log
from nie.runs.head import PROVENANCE
from nie.runs.run import read_run
from nie.runs.stage import Stage
from nie.settings.flags import flag_value
from nie.settings.run import RunConfig


def add_commands(commands: Commands) -> None:
    """Add the commands of the stages, and ``nie run``."""
    for stage in STAGES.values():
        run, settings = functools.partial(_run_stage, stage), functools.partial(_settings, stage)
        staging = commands.add(stage.command, stage.title, run, settings=settings)
        staging.add_argument("--recipe", required=True, help="name of a recipe or path of a YAML file")
    job = commands.add(
        "run", "build, LICAP, RGTN, baselines, table", _run_all, building_options(),
        settings=functools.partial(_settings, IMPORTANCE), listed=datasets,
    )  # fmt: skip
    job.add_argument("dataset", help="one of those below, or your own")
    job.add_argument("--profile", choices=("quick", "full"), default="full", help="quick: two folds in minutes")
    job.add_argument(
        "--jobs", type=whole_number(1, 1024), default=1, help="folds that run at a time, in processes of their own"
    )
    job.add_argument("--out", type=a_path, help="write the scores of all nodes (.csv, .parquet or .json)")


def _settings(stage: Stage[Any], argv: Sequence[str]) -> type[RunConfig]:
    """The settings of the stage; of the method that the command line names, where the stage has methods."""
    return stage.recipes.settings_of(flag_value(argv, "--method"))


def _run_stage(stage: Stage[Any], arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.reports.results import Results, named
    from downstream.reports.tables import markdown_table

    folder = stage.recipes.path(arguments.recipe).parent
    if (folder / PROVENANCE).is_file():  # the recipe is that of a run
        read_run(folder, stage.name)
    config = stage.recipes.resolve(arguments.recipe, flags=flags)
    inputs = stage.prepare(config, data_root=arguments.data_root)
    run = stage.run(config, run_root=arguments.run_root, inputs=inputs)
    if stage.columns:
        say(markdown_table(Results.of(named([run])), stage))
    say(run.path)


def _run_all(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.answers.node_scores import score_nodes, top_table
    from downstream.answers.score_files import check_target, write_scores
    from downstream.reports.results import Results, best_run, named
    from downstream.reports.tables import markdown_table
    from downstream.stages.runner import Runner
    from downstream.studies.overview import main_job
    from nie.data import build, info

    if arguments.out:
        check_target(arguments.out)
    dataset, options = arguments.dataset, given_building_options(arguments)
    if options:
        kg = build(dataset, arguments.data_root, **options)
        dataset = kg.name
        log.info("%s", info(kg))
    runner = Runner(**roots(arguments), jobs=arguments.jobs)
    runs = main_job(dataset, profile=arguments.profile, flags=flags, runner=runner)
    best = best_run(runs)
    scores = score_nodes(best, data_root=arguments.data_root)
    if arguments.out:  # before anything is printed, which may fail where the output is closed
        write_scores(scores, arguments.out)
    best_label = best.config["label"]
    say(
        markdown_table(Results.of(named(runs))),
        f"Best Spearman on validation nodes: {best_label}.\n",
        top_table(scores, best_label),
    )
    if arguments.out:
        say(f"Scores of all {len(scores.name):,} nodes by {best_label}: {arguments.out}")
    say("Runs:", *(f"  {run.path}" for run in runs))
