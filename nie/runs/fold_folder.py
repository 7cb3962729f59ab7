"""The folder of a fold, or of a part of it: worked on until it is complete, then sealed.

`DONE` is written last and holds the sha256 of every other file, so it tells a complete folder from a half-done one and
a whole file from a damaged one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from nie.disk.atomic import publish_folder, space_errors
from nie.disk.leftovers import remove, sweep
from nie.disk.seal import broken, is_whole, read_seal, seal, write_seal
from nie.errors import NieError

FOLD = re.compile(r"fold(0|[1-9][0-9]*)")
"""Name of a finished fold's folder; ``fold00`` or ``fold0.bak`` is none."""
DONE = "DONE"
CHECKPOINTS = "*checkpoint.pt*"
THREADS = "threads.json"
"""What a half-done fold keeps of `nie.runs.fold_threads`."""
UNFINISHED = (CHECKPOINTS, THREADS)
"""Files that a folder has until it is complete."""


def finish(folder: Path) -> None:
    """Write `DONE`, for all files that are in the folder and below now but those that it loses (`UNFINISHED`)."""
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sweep(each)
    write_seal(folder / DONE, seal(folder, without=(DONE, *UNFINISHED)))


def seal_of(folder: Path) -> dict[str, str] | None:
    """sha256 by name of the files that a folder was finished with; None if that was before `DONE` held them.

    Raises:
        NieError: `DONE` is missing or damaged.
    """
    done = folder / DONE
    if done.is_file() and done.stat().st_size == 0:
        return None
    return read_seal(done)


def file_names(folder: Path) -> list[str]:
    """Names of the files that a folder was finished with.

    Raises:
        NieError: `DONE` is missing or damaged.
    """
    known = seal_of(folder)
    if known is not None:
        return sorted(known)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("[!.]*") if path.is_file())


def has_whole(folder: Path, name: str) -> bool:
    """Whether a file of a finished folder is what the folder was finished with, as far as `DONE` tells."""
    try:
        known = seal_of(folder)
    except NieError:
        return False
    return (folder / name).is_file() if known is None else name in known and is_whole(folder / name, known[name])


def is_complete(folder: Path) -> bool:
    """Whether `DONE` is there and every file is as it says."""
    try:
        known = seal_of(folder)
    except NieError:
        return False
    return known is not None and not broken(folder, known)


@contextlib.contextmanager
def worked_on(partial: Path, target: Path) -> Iterator[Path]:
    """Yield the folder ``partial`` to work in; it becomes ``target`` when the block ends without an error.

    An interruption leaves the folder, so that its checkpoint can be continued.
    """
    with space_errors(partial):
        partial.mkdir(parents=True, exist_ok=True)
        (partial / DONE).unlink(missing_ok=True)
        try:
            yield partial
        except BaseException:
            with contextlib.suppress(OSError):
                partial.rmdir()  # only if nothing was written yet
            raise
        finish(partial)
        _publish(partial, target)


def taken_over(partial: Path, target: Path) -> bool:
    """Whether ``target`` is finished; a ``partial`` that is complete but for its name becomes ``target`` first."""
    with space_errors(target):
        if (target / DONE).is_file():
            if partial.is_dir():  # it was exchanged for the target, and the process ended before it was removed
                remove(partial)
            return True
        if not is_complete(partial):
            return False
        _publish(partial, target)
        return True


def _publish(partial: Path, target: Path) -> None:
    for pattern in UNFINISHED:
        for file in partial.rglob(pattern):
            file.unlink()
    publish_folder(partial, target)
