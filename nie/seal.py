"""Seals: the sha256 of every file of a folder, by which damage and changes are found.

A changed byte leaves most files readable, and what is read from them is wrong. Whoever writes a folder keeps its seal
in the file that is written last; whoever reads a file of it asks `is_whole` first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

_PIECE = 1 << 20


def file_digest(path: Path) -> str:
    """sha256 of a file's content, in hex."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            total.update(piece)
    return total.hexdigest()


def seal(folder: Path) -> dict[str, str]:
    """sha256 by name of every file in ``folder`` and below; names have forward slashes.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("whole")
    >>> known = seal(folder)
    >>> is_whole(folder / "a.txt", known["a.txt"])
    True
    >>> _ = (folder / "a.txt").write_text("whale")
    >>> broken(folder, known)
    ['a.txt']
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def is_whole(path: Path, digest: str) -> bool:
    """Whether the file is there and has that sha256."""
    return path.is_file() and file_digest(path) == digest


def broken(folder: Path, known: Mapping[str, str]) -> list[str]:
    """The names of a seal whose files are missing or changed, in order."""
    return [name for name, digest in sorted(known.items()) if not is_whole(folder / name, digest)]
