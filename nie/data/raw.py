"""Raw files: where they are, reading them packed or plain, and their checksums."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from nie.data.download import SOURCES
from nie.disk.seal import file_digest
from nie.errors import NieError, shown

RAW_VARIABLE = "NIE_RAW_DIR"
PACKED_SUFFIXES = (".xz", ".gz")
PIPE = "read from a pipe"

# Text packs to a tenth, the most regular triples to a fiftieth; a bomb unpacks to a thousand times its size or more.
MOST_EXPANSION = 400
ALWAYS_UNPACKED = 16 << 20
MOST_LETTERS = 64 << 20
"""In a line: a file without line ends is no table, and may be larger than memory."""
BLOCK = 1 << 20
"""Letters that are read at a time."""

_UNFIT_LETTER = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")


def find_raw(
    name: str, *, raw: str | os.PathLike[str] | None = None, root: str | os.PathLike[str] = "datasets"
) -> Path:
    """Return the folder with the raw files of the dataset ``name``.

    Looked for in this order: ``raw`` (the flag ``--raw``), ``$NIE_RAW_DIR/<name>``, ``<root>/<name>/raw``.

    Raises:
        NieError: ``raw`` is given but is no folder, or there is none anywhere.
    """
    if raw is not None:
        if not os.path.isdir(raw):
            raise NieError(f"--raw {raw} is not a folder; give the folder with the raw files of {name}.")
        return Path(raw)
    candidates = [Path(root) / name / "raw"]
    if os.environ.get(RAW_VARIABLE):
        candidates.insert(0, Path(os.environ[RAW_VARIABLE]) / name)
    for folder in candidates:
        if os.path.isdir(folder):
            return folder
    places = " or ".join(str(folder) for folder in candidates)
    command = f"run `nie data fetch {name}`, or " if name in SOURCES else ""
    raise NieError(
        f"The raw files of {name} must be in one of {places}; {command}give --raw DIR or the variable {RAW_VARIABLE}."
    )


def find_packed(path: str | os.PathLike[str]) -> Path:
    """Return ``path``, or the same with ``.xz`` or ``.gz`` added, whichever exists; a pipe is a file here."""
    found = _packed(path)
    if found is None:
        if not os.fspath(path):
            raise NieError("The path of a file is empty; give the path.")
        if Path(path).name and os.path.isdir(path):
            raise NieError(f"{Path(path)} is a folder, where a file must be given.")
        if Path(path).name and os.path.exists(path):
            raise NieError(f"{Path(path)} is neither a file nor a pipe, where one of these must be given.")
        raise NieError(f"The file {Path(path)} does not exist (nor with {' or '.join(PACKED_SUFFIXES)} added).")
    return found


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether `find_packed` would find ``path``: for files that a dataset can do without."""
    return _packed(path) is not None


def _packed(path: str | os.PathLike[str]) -> Path | None:
    plain = Path(path)
    if not plain.name:  # such as "", "." or "/", which cannot have a suffix added
        return None
    candidates = (plain, *(plain.with_name(plain.name + suffix) for suffix in PACKED_SUFFIXES))
    # Unlike methods of Path, os.path says of a name that is too long for the system that it is not there.
    there = (each for each in candidates if os.path.exists(each))
    return next((each for each in there if each.is_file() or each.is_fifo()), None)


@contextlib.contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file, plain or packed with gzip or xz, as UTF-8 without translating line ends.

    Raises:
        NieError: the file is absent, a truncated or damaged archive, one that unpacks to far more than text can, or
            not UTF-8.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.txt.xz"
    >>> _ = file.write_bytes(lzma.compress(b"one"))
    >>> with open_text(file.with_suffix("")) as lines:
    ...     lines.read()
    'one'
    """
    found = find_packed(path)
    try:
        # Only a line feed ends a line: text may hold a lone carriage return. "-sig" drops a byte-order mark.
        with io.TextIOWrapper(_unpacked(found), encoding="utf-8-sig", newline="\n") as stream:
            try:
                yield stream
            except UnicodeDecodeError as error:
                # Counted from the begin of the piece that was decoded last, which cannot be placed in packed text.
                end = stream.buffer.tell() if stream.buffer.seekable() else None
                place = "" if end is None else f" at byte {end - len(error.object) + error.start}"
                raise NieError(
                    f"The file {found} is not UTF-8 text ({error.reason}{place}); save it as UTF-8."
                ) from error
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise NieError(f"The archive {found} is truncated or damaged; fetch it again.") from error
    except PermissionError as error:
        raise NieError(f"The file {found} cannot be read: {error.strerror}.") from error


def _unpacked(found: Path) -> BinaryIO:
    """The bytes of a file, unpacked where its suffix says so."""
    file = found.open("rb")
    if found.suffix not in PACKED_SUFFIXES or found.is_fifo():
        return file
    return cast(BinaryIO, io.BufferedReader(_Bounded(file, found), 1 << 16))


class _Bounded(io.RawIOBase):
    """What an archive unpacks to, as long as that can be text: a megabyte may hold a terabyte of one letter."""

    def __init__(self, packed: BinaryIO, found: Path) -> None:
        self.packed, self.found, self.total = packed, found, 0
        self.source: Any = lzma.open(packed) if found.suffix == ".xz" else gzip.open(packed)  # noqa: SIM115, see close

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.source.read(len(buffer))
        self.total += len(piece)
        if self.total > max(ALWAYS_UNPACKED, MOST_EXPANSION * self.packed.tell()):
            raise NieError(
                f"The archive {self.found} unpacks to more than {MOST_EXPANSION} times its size, as no text does; if "
                "it is right, unpack it yourself and give the plain file."
            )
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self.source.close()
        self.packed.close()
        super().close()


def read_blocks(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the first line, some thousand lines without their ends) of a text file.

    Whoever handles whole lists of lines is several times as fast as who handles each line.

    A byte-order mark at the begin of any line is dropped: files that were joined have one in their middle.

    Raises:
        NieError: as `open_text`, the file holds NUL, as UTF-16 without a mark does, or a line is endless.
    """
    found = find_packed(path)
    number, rest = 1, ""
    with open_text(found) as stream:
        while piece := stream.read(min(BLOCK, MOST_LETTERS)):
            whole, end, rest = (rest + piece).rpartition("\n")
            lines = _without_ends(whole, found, number) if end else []
            if lines:
                yield number, lines
            number += len(lines)
            if len(rest) >= MOST_LETTERS:
                raise NieError(f"{found}, line {number} has more than {MOST_LETTERS:,} letters; it is no table.")
    if rest:
        yield number, _without_ends(rest, found, number)


def _without_ends(text: str, found: Path, number: int) -> list[str]:
    lines = text.split("\n")
    if "\0" in text:
        damaged = number + next(place for place, line in enumerate(lines) if "\0" in line)
        raise NieError(
            f"{found}, line {damaged} holds the letter NUL, so that it is not UTF-8 text, but perhaps UTF-16; save it "
            "as UTF-8."
        )
    if "\r" in text or "\ufeff" in text:
        return [line.rstrip("\r").lstrip("\ufeff") for line in lines]
    return lines


def read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a text file, as `read_blocks`; empty lines are skipped."""
    for first, lines in read_blocks(path):
        for number, line in enumerate(lines, first):
            if line:
                yield number, line


def read_rows(path: str | os.PathLike[str], columns: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, fields) of a tab-separated file without quoting; empty lines are skipped.

    Raises:
        NieError: a line has not exactly ``columns`` fields.
    """
    found = find_packed(path)
    for number, line in read_lines(found):
        yield number, fields_of(line, columns, found, number)


def fields_of(line: str, columns: int, found: Path, number: int, *, of_two: str = "") -> list[str]:
    """The tab-separated fields of a line; those of a CSV file come so, too.

    Args:
        line: without its end.
        columns: how many there must be.
        found, number: the file and the line, for messages.
        of_two: what to say of a line with only two.

    Raises:
        NieError: they are not ``columns``; the message names the file and the line.
    """
    fields = line.split("\t")
    if len(fields) != columns:
        kind = "comma-separated" if is_csv(found) else "tab-separated"
        other = {"blanks": line.split(), "commas": line.split(","), "semicolons": line.split(";")}
        separator = next((name for name, parts in other.items() if len(parts) == columns), None)
        hint = f"; it has {columns} separated by {separator}" if len(fields) == 1 and separator else ""
        if separator == "commas" and hint:
            hint += ", as a file has whose name ends in .csv"
        if of_two and len(fields) == 2:
            hint = f"; {of_two}"
        raise NieError(f"{found}, line {number} must have {columns} {kind} fields; got {len(fields)}{hint}.")
    return fields


def check_letters(name: str, found: Path, number: int) -> None:
    """Raise NieError for the name of a node or a relation that holds a letter no name has, as `unfit_letter`."""
    if unfit_letter(name):
        raise NieError(f"{found}, line {number}: {unfit_letter(name)}.")


def unfit_letter(name: str) -> str:
    """What is wrong with a name that holds a letter no name has, such as NUL or Escape; else "".

    Such letters come from damaged files, and move the cursor or change the colours of whoever prints them.

    >>> unfit_letter("a\\x1b")
    "the name 'a\\\\x1b' holds the control letter U+001B; remove it"
    """
    unfit = None if name.isprintable() else _UNFIT_LETTER.search(name)
    return f"the name {shown(name)} holds the control letter U+{ord(unfit[0]):04X}; remove it" if unfit else ""


def ending(path: Path) -> str:
    """How the name of a file ends, without what packed it.

    >>> ending(Path("a.b.CSV.gz"))
    '.csv'
    """
    plain = path.with_suffix("") if path.suffix in PACKED_SUFFIXES else path
    return plain.suffix.lower()


def is_csv(path: Path) -> bool:
    """Whether a table has commas between its fields and quotes around some, as RFC 4180; others have tabs."""
    return ending(path) == ".csv"


def checksums(*paths: str | os.PathLike[str]) -> dict[str, str]:
    """Return file name -> sha256, of the packed file where that is what exists; a pipe can be read only once."""
    found = [find_packed(path) for path in paths]
    return {path.name: PIPE if path.is_fifo() else file_digest(path) for path in found}
