"""Removal that leaves nothing that looks whole: what goes is renamed in one step, and then emptied."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nie.disk.leftovers import aside
from nie.errors import NieError

BLOCK = 512
"""Bytes of what ``st_blocks`` counts, whatever the blocks of a file system are."""


@dataclass(frozen=True)
class Measured:
    """What files take.

    Attributes:
        size: bytes on the disk.
        newest: when the newest of the files was written, in seconds since 1970; 0 without files.
    """

    size: int = 0
    newest: float = 0.0

    def __add__(self, other: Measured) -> Measured:
        return Measured(self.size + other.size, max(self.newest, other.newest))


def measure(path: Path) -> Measured:
    """What a file, or a folder with all that is below it, takes; no link is followed.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("a")
    >>> measure(folder).newest == os.stat(folder / "a.txt").st_mtime
    True
    """
    return sum((Measured(file.st_blocks * BLOCK, file.st_mtime) for file in _files(path)), Measured())


def _files(path: Path) -> Iterator[os.stat_result]:
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        yield found
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # its writer has renamed it
                yield os.lstat(os.path.join(folder, name))


def remove_whole(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; a link is removed, and not what it points to.

    An interruption leaves a hidden folder that `nie.disk.leftovers.sweep` empties.

    Raises:
        NieError: the system does not allow it.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> folder.mkdir()
    >>> remove_whole(folder)
    >>> folder.exists()
    False
    """
    try:
        with aside(path) as hidden:
            if hidden.is_dir() and not hidden.is_symlink():
                shutil.rmtree(hidden)
            else:
                hidden.unlink()
    except OSError as error:
        raise NieError(f"{path} cannot be removed ({error.strerror}); see who owns it and what is in it.") from error


def readable_size(size: float) -> str:
    """A number of bytes as people read it.

    >>> readable_size(0), readable_size(4096), readable_size(1_234_567_890)
    ('0 B', '4.1 kB', '1.23 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} B" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
