"""Seals: the sha256 of every file of a folder, by which damage and changes are found.

A changed byte leaves most files readable, and what is read from them is wrong. Whoever writes a folder keeps its seal
in the file that is written last; whoever reads a file of it asks `is_whole` first.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from nie.disk.atomic import atomic_file
from nie.errors import NieError

SEAL_FILE = "seal.json"
"""Name of a folder's seal, where it has no other."""
_PIECE = 1 << 20
_MARK = b"nie checkpoint "
_HEAD = len(_MARK) + 64 + 1
_DIGEST = re.compile("[0-9a-f]{64}")


def file_digest(path: Path) -> str:
    """sha256 of a file's content, in hex."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            total.update(piece)
    return total.hexdigest()


def seal(folder: Path, without: Collection[str] = ()) -> dict[str, str]:
    """sha256 by name of every file in ``folder`` and below; names have forward slashes.

    Args:
        folder: whose files.
        without: patterns of names that are left out; ``*`` stands for slashes, too.

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
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: file_digest(path)
        for name, path in files.items()
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in without)
    }


def is_whole(path: Path, digest: str) -> bool:
    """Whether the file is there and has that sha256."""
    return path.is_file() and file_digest(path) == digest


def broken(folder: Path, known: Mapping[str, str]) -> list[str]:
    """The names of a seal whose files are missing or changed, in order."""
    return [name for name, digest in sorted(known.items()) if not is_whole(folder / name, digest)]


def write_seal(path: Path, known: Mapping[str, str]) -> None:
    """Write a seal as JSON, atomically; under the name of its own file stands the sha256 of the other lines."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps({**known, path.name: _own(known)}, indent=1) + "\n", encoding="utf-8")


def read_seal(path: Path) -> dict[str, str]:
    """Read a seal, whose line about itself may be missing.

    Raises:
        NieError: it is missing or damaged.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "seal.json"
    >>> write_seal(path, {"a.txt": "0" * 64})
    >>> sorted(read_seal(path))
    ['a.txt']
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        own = known.pop(path.name, None)
        whole = own in (None, _own(known)) and all(_DIGEST.fullmatch(digest) for digest in known.values())
    except PermissionError:  # it may be whole
        raise
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise NieError(f"{path} is missing or damaged.")
    found: dict[str, str] = known
    return found


def behind_digest(body: bytes) -> bytes:
    """The content of a file that holds its own sha256, in front of ``body``.

    >>> body_of(behind_digest(b"whole"))
    b'whole'
    """
    return _MARK + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def body_of(content: bytes) -> bytes:
    """What stands behind the sha256 in such a file.

    Raises:
        NieError: it has another sha256.
    """
    body = content[_HEAD:]
    if content != behind_digest(body):
        raise NieError("its content is not what was written")
    return body


def _own(known: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(known), sort_keys=True).encode()).hexdigest()
