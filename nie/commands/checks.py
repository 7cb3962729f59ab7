"""``nie check``: whether the files of runs and datasets are what was written."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from nie.commands.output import say
from nie.commands.parser import Commands
from nie.errors import NieError, shown

DAMAGED = 2
"""Exit code where something is damaged or missing."""


def add_commands(commands: Commands) -> None:
    """Add the command."""
    checking = commands.add("check", "find damaged files of runs and datasets, and what to do about them", _check)
    checking.add_argument(
        "what", nargs="+", metavar="RUN_OR_DATASET",
        help="folder of a run, name or folder of a dataset, or a folder of many, such as checkpoints",
    )  # fmt: skip


def _check(arguments: argparse.Namespace, _flags: list[str]) -> int:
    from nie.data.check import check_dataset
    from nie.runs.check import check_run, is_run

    folders = dict.fromkeys(folder for name in arguments.what for folder in _folders(name, arguments.data_root))
    runs = whole = damaged = 0
    for folder in folders:
        of_run = is_run(folder)
        found = check_run(folder) if of_run else check_dataset(folder)
        runs, whole, damaged = runs + of_run, whole + found.whole, damaged + len(found.damaged)
        for sentence in found.damaged + found.notes:
            say(sentence)
    say(
        f"Runs: {runs}, datasets: {len(folders) - runs}; files that are whole: {whole:,}, "
        f"damaged or missing: {damaged:,}."
    )
    return DAMAGED if damaged else 0


def _folders(name: str, data_root: Path) -> list[Path]:
    """The folders of runs and datasets that are meant by a name or path.

    Raises:
        NieError: there are none.
    """
    from nie.data.check import STORE, is_dataset

    if name not in ("", os.curdir, os.pardir) and os.sep not in name and is_dataset(data_root / name):
        return [data_root / name]
    path = Path(name)
    if path.name == STORE and is_dataset(path.parent):
        return [path.parent]
    found = list(_below(path)) if name and path.is_dir() else []
    if not found:
        raise NieError(
            f"There is no run and no dataset at {shown(name)}; give the folder of a run, the name of a dataset under "
            f"{data_root}, or a folder that holds such."
        )
    return found


def _below(path: Path) -> Iterator[Path]:
    """The folders of runs and datasets that are ``path`` or lie below it, by name."""
    from nie.data.check import is_dataset
    from nie.runs.check import is_run

    def unreadable(error: OSError) -> None:
        raise error  # rather than leave out what is in it

    seen = set()
    for folder, names, _ in os.walk(path, onerror=unreadable, followlinks=True):
        if (place := os.path.realpath(folder)) in seen:  # links may lead in a circle
            names.clear()
            continue
        seen.add(place)
        if is_run(Path(folder)) or is_dataset(Path(folder)):
            names.clear()
            yield Path(folder)
        names[:] = sorted(name for name in names if not name.startswith("."))
