"""``nie partition`` and ``nie launch``: runs on several hosts, each with a part of the graph."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from pathlib import Path

from downstream.stages.importance import IMPORTANCE
from nie.commands.output import say
from nie.commands.parser import Commands, a_path, said_roots, whole_number
from nie.errors import NieError, shown
from nie.hosts import read_hosts
from nie.launching import SSH, Launch
from nie.progress import log


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parting = commands.add(
        "partition", "divide a graph with its features among hosts", _partition,
        settings=lambda argv: IMPORTANCE.recipes.settings_of(None),
    )  # fmt: skip
    parting.add_argument("dataset", metavar="DATASET")
    parting.add_argument("--parts", type=whole_number(1, 1000), required=True, metavar="N", help="one for each host")
    parting.add_argument(
        "--method", choices=["metis", "random"], default="metis",
        help="metis, which cuts few edges, or random, which needs little memory [metis]",
    )  # fmt: skip
    parting.add_argument("--recipe", default="fast", help="whose graph and features the parts are to have [fast]")
    launching = commands.add("launch", "run a command on several hosts, each of which has one part", _launch)
    launching.add_argument("--hosts", type=a_path, required=True, metavar="FILE", help="one address a line")
    launching.add_argument(
        "--shell", default=SSH, metavar="COMMAND",
        help="what runs a command on a host, called as COMMAND HOST 'THE COMMAND' [ssh]",
    )  # fmt: skip
    launching.add_argument("--dry-run", action="store_true", help="print the commands, and run none")
    launching.add_argument("command", nargs=argparse.REMAINDER, metavar="-- nie downstream ... --distributed")


def _partition(arguments: argparse.Namespace, flags: list[str]) -> None:
    from pretrain.parted_inputs import partition

    config = IMPORTANCE.recipes.resolve(arguments.recipe, flags=[*flags, "--dataset", arguments.dataset])
    parts = partition(config, arguments.parts, arguments.method, data_root=arguments.data_root)
    say(parts.folder)
    facts = parts.facts
    log.info(
        "%d parts of %s: %s nodes, %s edges, of which %.1f %% join two parts.", facts["parts"], facts["dataset"],
        f"{facts['nodes']:,}", f"{facts['edges']:,}", 100 * facts["cut"],
    )  # fmt: skip
    log.info(
        "Next: nie launch --hosts hosts.txt -- nie downstream --recipe %s --dataset %s --method rgcn --batch.size 512 "
        "--batch.fanout 10 --distributed%s", arguments.recipe, shlex.join([arguments.dataset, *flags]),
        said_roots(arguments),
    )  # fmt: skip


def _launch(arguments: argparse.Namespace, _flags: list[str]) -> int:
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if "--distributed" not in command:
        raise NieError(
            "Give the command that all hosts run, with --distributed: nie launch --hosts hosts.txt -- nie downstream "
            "--recipe fast --dataset NAME --method rgcn --batch.size 512 --distributed."
        )
    launch = Launch(read_hosts(arguments.hosts), _words(arguments.shell), command, Path.cwd())
    if arguments.dry_run:
        for said in launch.said():
            say(said)
        return 0
    launch.check_hosts()
    return launch.run()


def _words(shell: str) -> list[str]:
    with contextlib.suppress(ValueError):  # of a quote that does not end
        if words := shlex.split(shell):
            return words
    raise NieError(f"--shell must be a command, with quotes in pairs; got {shown(shell)}.")
