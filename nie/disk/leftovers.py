"""Temporary paths that show whether their writer lives, and the removal of those that killed writers left behind.

A writer holds a lock on its temporary file or folder, and the system takes the lock away when the process ends, however
it ends. What nobody holds is a leftover, whatever process ids say in another container, and the next writer of the same
place removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = re.compile(r"\.(?P<target>.+)\.nie-[a-z0-9_]{8}(\.\w+)?")
"""Name of a temporary path beside its target."""
PREVIOUS = "nie-previous"
"""Ends the name of an older folder that is moved aside while its successor takes its place."""


@contextlib.contextmanager
def temporary_beside(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a new temporary file, or folder, beside ``target``; it is removed at the end if it is still there.

    What earlier writers of the same target left is removed first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent, target.name)
    held = None
    while held is None:  # a sweep may have met it before it was locked
        path = _new(target, folder=folder)
        held = _locked(path, of_writer=True)
    try:
        yield path
    finally:
        remove(path)
        os.close(held)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed writers left in ``folder``; what they moved aside and did not replace is put back.

    Args:
        folder: its own entries are looked at, not those below.
        name: of the target whose leftovers are meant; by default those of every target.
    """
    for path in leftovers(folder):
        found = TEMPORARY.fullmatch(path.name)
        if found and name in (None, found["target"]):
            with contextlib.suppress(OSError):
                _bury(path, folder / found["target"])


def leftovers(folder: Path) -> list[Path]:
    """The temporary paths in a folder, whether their writers live or not, by name."""
    entries: list[str] = []
    with contextlib.suppress(OSError):  # what cannot be listed or removed does no harm
        entries = os.listdir(folder)
    return [folder / entry for entry in sorted(entries) if TEMPORARY.fullmatch(entry)]


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def moved_aside(target: Path) -> Iterator[None]:
    """Move a folder aside while another takes its place; `sweep` puts it back if the process ends in between."""
    held, previous = _locked(target, of_writer=True), target.with_name(f".{target.name}.{PREVIOUS}")
    try:
        os.replace(target, previous)
        yield
        remove(previous)
    finally:
        if not target.exists():
            os.replace(previous, target)
        if held is not None:
            os.close(held)


@contextlib.contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Rename a file or folder to a temporary name and yield that; whoever has it removes it.

    What is left of it when the process ends has no writer, so that the next `sweep` of the folder removes it.
    """
    held, hidden = _locked(path, of_writer=True), path.with_name(f".{path.name}.nie-{secrets.token_hex(4)}")
    try:
        os.replace(path, hidden)
        yield hidden
    finally:
        if held is not None:
            os.close(held)


def _bury(path: Path, target: Path) -> None:
    held = _locked(path)
    if held is None:
        return
    try:
        if path.name.endswith(PREVIOUS) and not target.exists():
            os.replace(path, target)
        else:
            remove(path)
    finally:
        os.close(held)


def _new(target: Path, *, folder: bool) -> Path:
    prefix = f".{target.name}.nie-"
    if folder:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=target.suffix, dir=target.parent)
    os.close(handle)
    return Path(name)


def _locked(path: Path, *, of_writer: bool = False) -> int | None:
    """An open descriptor that holds the lock of ``path``; None where another process holds it or it is gone.

    On a file system without locks a writer has an open descriptor alone, and nothing can be swept.
    """
    try:
        held = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    own = False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        own = os.path.samestat(os.stat(path), os.fstat(held))
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        own = of_writer
    finally:
        if not own:
            os.close(held)
    return held if own else None
