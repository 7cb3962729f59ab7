"""A command for each stage: ``nie pretrain``, ``nie downstream``, ``nie link``."""

from __future__ import annotations

import argparse
import functools
import shlex
from collections.abc import Sequence
from typing import Any

from downstream.stages.importance import IMPORTANCE
from downstream.stages.table import STAGES
from nie.commands.output import say
from nie.commands.parser import Commands, roots, said_roots
from nie.progress import log
from nie.runs.head import PROVENANCE
from nie.runs.run import Run, read_run
from nie.runs.stage import Stage
from nie.settings.flags import flag_value
from nie.settings.run import RunConfig


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    for stage in STAGES.values():
        run, settings = functools.partial(_run_stage, stage), functools.partial(_settings, stage)
        staging = commands.add(stage.command, stage.title, run, settings=settings)
        staging.add_argument("--recipe", required=True, help="name of a recipe or path of a YAML file")
        if stage.run_on_hosts is not None:
            staging.add_argument(
                "--distributed", action="store_true", help="on the parts of 'nie partition'; for 'nie launch'"
            )


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
    if stage.run_on_hosts is not None and arguments.distributed:
        run = stage.run_on_hosts(config, **roots(arguments))
        if run is None:  # another host writes it
            return
    else:
        inputs = stage.prepare(config, data_root=arguments.data_root)
        run = stage.run(config, run_root=arguments.run_root, inputs=inputs)
    if stage.columns:
        say(markdown_table(Results.of(named([run])), stage))
    say(run.path)  # alone on the standard output, for programs to read
    for line in _what_was_done(stage, config, arguments, run):
        log.info("%s", line)


def _what_was_done(stage: Stage[Any], config: RunConfig, arguments: argparse.Namespace, run: Run) -> list[str]:
    """What a run is, in plain words, and the command that fits next."""
    done = ", ".join(map(str, run.finished_folds()))
    flags = _flags_of_stage2(arguments.recipe, config)
    command = stage.next_command.format(run=shlex.quote(str(run.path)), flags=flags)
    return [
        f"Done, {stage.title}: {config.run_label()} on {config.dataset}, {stage.unit} {done}.",
        f"Next: {command}{said_roots(arguments)}",
    ]


def _flags_of_stage2(recipe: str, config: RunConfig) -> str:
    """The recipe of stage 2 whose name begins like that of stage 1, or the general one; and what was said of folds."""
    alike = [name for name in IMPORTANCE.recipes.names() if name.startswith(recipe)]
    chosen = min(alike, key=len, default="fast")
    flags = f" --recipe {chosen}"
    if IMPORTANCE.recipes.read(chosen).get("dataset") != config.dataset:
        flags += f" --dataset {shlex.quote(config.dataset)}"
    for name, value in config.model_dump(include={"folds"}, exclude_defaults=True).get("folds", {}).items():
        said = ",".join(map(str, value)) if isinstance(value, tuple) else value
        flags += f" --folds.{name} {said}"
    return flags
