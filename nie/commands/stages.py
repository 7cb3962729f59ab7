"""A command for each stage: ``nie pretrain``, ``nie downstream``, ``nie link``."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from typing import Any

from downstream.stages.table import STAGES
from nie.commands.output import say
from nie.commands.parser import Commands
from nie.runs.head import PROVENANCE
from nie.runs.run import read_run
from nie.runs.stage import Stage
from nie.settings.flags import flag_value
from nie.settings.run import RunConfig


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    for stage in STAGES.values():
        run, settings = functools.partial(_run_stage, stage), functools.partial(_settings, stage)
        staging = commands.add(stage.command, stage.title, run, settings=settings)
        staging.add_argument("--recipe", required=True, help="name of a recipe or path of a YAML file")


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
