"""Raw files: where they are, reading them packed or plain, and their checksums."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TextIO

from nie.errors import NieError

RAW_VARIABLE = "NIE_RAW_DIR"
PACKED_SUFFIXES = (".xz", ".gz")


def find_raw(
    name: str, *, raw: str | os.PathLike[str] | None = None, root: str | os.PathLike[str] = "datasets"
) -> Path:
    """Return the folder with the raw files of the dataset ``name``.

    Looked for in this order: ``raw`` (the flag ``--raw``), ``$NIE_RAW_DIR/<name>``, ``<root>/<name>/raw``.

    Raises:
        NieError: ``raw`` is given but is no folder, or there is none anywhere.
    """
    if raw is not None:
        if not Path(raw).is_dir():
            raise NieError(f"--raw {raw} is not a folder; give the folder with the raw files of {name}.")
        return Path(raw)
    candidates = [Path(root) / name / "raw"]
    if os.environ.get(RAW_VARIABLE):
        candidates.insert(0, Path(os.environ[RAW_VARIABLE]) / name)
    for folder in candidates:
        if folder.is_dir():
            return folder
    places = " or ".join(str(folder) for folder in candidates)
    raise NieError(
        f"The raw files of {name} must be in one of {places}; run `nie data fetch {name}`, "
        f"or give --raw DIR or the variable {RAW_VARIABLE}."
    )


def find_packed(path: str | os.PathLike[str]) -> Path:
    """Return ``path``, or the same with ``.xz`` or ``.gz`` added, whichever exists."""
    found = _packed(path)
    if found is None:
        raise NieError(f"The file {Path(path)} does not exist (nor with {' or '.join(PACKED_SUFFIXES)} added).")
    return found


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether `find_packed` would find ``path``: for files that a dataset can do without."""
    return _packed(path) is not None


def _packed(path: str | os.PathLike[str]) -> Path | None:
    plain = Path(path)
    candidates = (plain, *(plain.with_name(plain.name + suffix) for suffix in PACKED_SUFFIXES))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


@contextlib.contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file, plain or packed with gzip or xz, as UTF-8 without translating line ends.

    Raises:
        NieError: the file is absent, a truncated or damaged archive, or not UTF-8.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.txt.xz"
    >>> _ = file.write_bytes(lzma.compress(b"one"))
    >>> with open_text(file.with_suffix("")) as lines:
    ...     lines.read()
    'one'
    """
    found = find_packed(path)
    openers: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open}
    opener = openers.get(found.suffix, open)
    try:
        # Only a line feed ends a line: text may hold a lone carriage return. "-sig" drops a byte-order mark.
        with opener(found, "rt", encoding="utf-8-sig", newline="\n") as stream:
            yield stream
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise NieError(f"The archive {found} is truncated or damaged; fetch it again.") from error
    except UnicodeDecodeError as error:
        raise NieError(f"The file {found} is not UTF-8 text ({error.reason} at byte {error.start}).") from error
    except PermissionError as error:
        raise NieError(f"The file {found} cannot be read: {error.strerror}.") from error


def read_rows(path: str | os.PathLike[str], columns: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, fields) of a tab-separated file without quoting; empty lines are skipped.

    Raises:
        NieError: a line has not exactly ``columns`` fields.
    """
    shown = find_packed(path)
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            line = line.rstrip("\r\n")
            if not line:
                continue
            fields = line.split("\t")
            if len(fields) != columns:
                raise NieError(f"{shown}, line {number} must have {columns} tab-separated fields; got {len(fields)}.")
            yield number, fields


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file's bytes as they lie on disk."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(stream)


def _sha256(stream: IO[bytes]) -> str:
    """What ``hashlib.file_digest`` gives, which Python 3.10 lacks."""
    total = hashlib.sha256()
    while block := stream.read(1 << 20):
        total.update(block)
    return total.hexdigest()


def checksums(*paths: str | os.PathLike[str]) -> dict[str, str]:
    """Return file name -> sha256, of the packed file where that is what exists."""
    found = [find_packed(path) for path in paths]
    return {path.name: sha256(path) for path in found}
