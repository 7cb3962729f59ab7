"""Removing what nie keeps on the disk, but for what a process works on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from downstream.reports.kept import SEARCH, Kept
from nie.disk.leftovers import sweep
from nie.disk.removal import remove_whole
from nie.runs.folds import unused


def remove_kept(things: Sequence[Kept], every: Iterable[Kept]) -> None:
    """Remove what is named.

    A folder goes in one step, so that an interruption leaves nothing that looks like a whole run.

    Args:
        things: to remove.
        every: all that there is, to know which runs read a graph or its features.

    Raises:
        NieError: a process works on a run that is removed, or on one that reads what is; then nothing is removed.
            Or the system does not allow it.
    """
    runs = [thing for thing in every if thing.kind == "run"]
    for thing in things:
        with _unused(thing, runs):
            pass
    for thing in things:
        with _unused(thing, runs):
            remove_whole(thing.path)
        sweep(thing.path.parent)
        with contextlib.suppress(OSError):
            thing.path.parent.rmdir()  # where it was the last one


@contextlib.contextmanager
def _unused(thing: Kept, runs: Iterable[Kept]) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        for path in _concerned(thing, runs):
            held.enter_context(unused(path))
        yield


def _concerned(thing: Kept, runs: Iterable[Kept]) -> Iterator[Path]:
    """The runs that must not be in use while a thing is removed."""
    if thing.kind == "run":
        yield thing.path
    elif thing.kind == "half-done fold":
        yield thing.path.parent
    elif thing.kind == "trials":
        yield from (run.path for run in runs if run.stage.startswith(SEARCH))
    elif thing.kind in ("graph", "features"):
        yield from (run.path for run in runs if run.dataset == thing.dataset)
