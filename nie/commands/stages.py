"""A command for each stage (``nie pretrain``, ``nie downstream``, ``nie link``), and ``nie run`` for several."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from typing import Any

from downstream.stages.importance import IMPORTANCE
from downstream.stages.table import STAGES
from downstream.studies.presets import PRESETS
from nie.commands.data import building_options, datasets, given_building_options
from nie.commands.output import say
from nie.commands.parser import Commands, a_path, positive_number, roots, whole_number
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
    trades = "; ".join(f"{name}: {preset.trades}" for name, preset in PRESETS.items())
    job = commands.add(
        "run", "build, LICAP, RGTN, baselines, table", _run_all, building_options(),
        settings=functools.partial(_settings, IMPORTANCE), listed=datasets,
    )  # fmt: skip
    job.add_argument("dataset", help="one of those below, or your own")
    job.add_argument("--preset", "--profile", action=_Once, choices=tuple(PRESETS), help=f"[good] {trades}")
    job.add_argument(
        "--methods", nargs="+", metavar="ROW", help="run these only, such as boosting rgtn rgtn+licap blend"
    )
    job.add_argument("--minutes", type=positive_number, help="stop training after so many; quick: 5")
    job.add_argument(
        "--jobs", type=whole_number(1, 1024), default=1, help="folds that run at a time, in processes of their own"
    )
    job.add_argument("--out", type=a_path, help="write the scores of all nodes (.csv or .parquet)")


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
    from downstream.answers.node_scores import check_target, score_nodes, top_table, write_scores
    from downstream.reports.results import Results
    from downstream.reports.tables import markdown_table
    from downstream.stages.runner import Runner
    from downstream.studies.main_job import CANDIDATES, main_job, settings_of_flags
    from nie.data import build, info

    if arguments.out:
        check_target(arguments.out)
    settings = settings_of_flags(flags)
    dataset, options = arguments.dataset, given_building_options(arguments)
    if options:
        kg = build(dataset, arguments.data_root, **options)
        dataset = kg.name
        log.info("%s", info(kg))
    answer = main_job(
        dataset, preset=arguments.preset or "good", methods=arguments.methods or CANDIDATES,
        minutes=arguments.minutes, settings=settings, runner=Runner(**roots(arguments), jobs=arguments.jobs),
    )  # fmt: skip
    best = answer.best
    scores = score_nodes(best, data_root=arguments.data_root)
    if arguments.out:  # before anything is printed, which may fail where the output is closed
        write_scores(scores, arguments.out)
    best_label = best.config["label"]
    say(
        markdown_table(Results.of(answer.runs)),
        f"Best Spearman on validation nodes: {best_label}.\n",
        top_table(scores, best_label),
    )
    if arguments.out:
        say(f"Scores of all {len(scores.name):,} nodes by {best_label}: {arguments.out}")
    say("Runs:", *(f"  {run.path}" for run in answer.runs.values()))


class _Once(argparse.Action):
    """An option that may be given once."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option} names two presets, {getattr(namespace, self.dest)} and {values}; name one")
        setattr(namespace, self.dest, values)
