"""Arrays of numpy's files, read without trusting what the files say of themselves.

A ``.npy`` file begins with a header that names a dtype and a shape. Damage or malice makes headers that numpy's parser
fails on in many ways, or that ask for more memory than there is. Here both are checked against the length of the file
before anything is allocated, and whatever is wrong is one `NieError`.
"""

from __future__ import annotations

import math
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from nie.arrays import Array
from nie.errors import NieError, shown
from nie.foreign import one_line

_HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}
_KINDS = "biufcUS"
"""Kinds of dtypes that are read. Others hold objects, times or fields, which nothing here is made of."""

MOST_EXPANSION = 200
SMALL = 1 << 28
"""What a packed member becomes: at most so many times its size, or else at most so many bytes (256 MiB)."""


def read_npy(path: str | os.PathLike[str], *, mapped: bool = True) -> Array:
    """Read the array of a ``.npy`` file.

    Args:
        path: path of the file.
        mapped: leave the numbers on disk, to be read when they are used; the array is then read-only.

    Returns:
        The array, of numbers, booleans or strings of a fixed width.

    Raises:
        NieError: the file is missing, is no plain ``.npy`` array, or is longer or shorter than its header says.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npy"
    >>> np.save(path, [[1, 2], [3, 4]])
    >>> read_npy(path, mapped=False)
    array([[1, 2],
           [3, 4]])
    """
    path = Path(path)
    with one_sentence(path, "is truncated or not a plain .npy array ({reason})"), path.open("rb") as stream:
        shape, fortran, dtype = _header(stream, path.stat().st_size)
        order: Any = "F" if fortran else "C"
        if mapped:
            return np.memmap(path, dtype, mode="r", offset=stream.tell(), shape=shape, order=order)
        return _content(stream, shape, order, dtype)


def read_npz(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read the arrays of a ``.npz`` archive, by name.

    Args:
        path: path of the file.

    Raises:
        NieError: the file is missing or damaged, holds anything but plain ``.npy`` arrays, or would expand to more
            than `MOST_EXPANSION` times its size, beyond the `SMALL` amount that any archive may hold.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> np.savez(path, ids=[2, 0])
    >>> read_npz(path)
    {'ids': array([2, 0])}
    """
    path = Path(path)
    arrays: dict[str, Array] = {}
    sentence = "is truncated or not a .npz archive of plain arrays ({reason})"
    with one_sentence(path, sentence), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        check_members(archive, path)
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise ValueError(f"its member {shown(member.filename)} is no .npy array or stands there twice")
            with archive.open(member) as stream:
                shape, fortran, dtype = _header(stream, member.file_size)
                arrays[name] = _content(stream, shape, "F" if fortran else "C", dtype)
                if stream.read(1):  # the end is where the checksum is compared
                    raise ValueError(f"its member {shown(member.filename)} is too long")
    return arrays


def check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise `NieError` for an archive whose members, unpacked, are out of proportion to the file at ``path``."""
    members, length = archive.infolist(), path.stat().st_size
    if sum(member.compress_size for member in members) > length:
        raise NieError(f"The file {path} is damaged: its members are longer than the file; get or make it again.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(SMALL, MOST_EXPANSION * length):
        raise NieError(
            f"The file {path} would expand from {length:,} to {unpacked:,} bytes, more than {MOST_EXPANSION} times; "
            "write it without compression."
        )


def _header(stream: IO[bytes], length: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order (True: Fortran's) and dtype, checked against the length of the whole; the numbers come next."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numpy: that a file of Python 2 is slow to open
            shape, fortran, dtype = _HEADERS[npy.read_magic(stream)](stream)
    # A damaged header fails in any way that a parser of Python's literals can, with a MemoryError among others.
    except Exception as error:
        raise ValueError("its header is damaged") from error
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise ValueError(f"it holds {shown(dtype)}, not numbers or strings")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"its shape is {shown(shape)}")
    held, asked = length - stream.tell(), math.prod(shape) * dtype.itemsize
    if held != asked:
        raise ValueError(f"it has {held} bytes of content, and its header asks for {shown(asked)}")
    return shape, fortran, dtype


def _content(stream: IO[bytes], shape: tuple[int, ...], order: Any, dtype: np.dtype[Any]) -> Array:
    """The numbers that follow a header, in memory that the array owns."""
    content = bytearray(math.prod(shape) * dtype.itemsize)
    view, filled = memoryview(content), 0
    while filled < len(content):
        piece = stream.read(min(1 << 24, len(content) - filled))
        if not piece:
            raise EOFError("it ends too early")
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    return np.ndarray(shape, dtype, content, order=order)


@contextmanager
def one_sentence(path: Path, sentence: str) -> Iterator[None]:
    """Make every failure of reading ``path`` one sentence: that the file is missing, or else ``sentence`` about it.

    >>> with one_sentence(Path("a.npy"), "is damaged ({reason})"):
    ...     raise ValueError("it ends too early")
    Traceback (most recent call last):
    ...
    nie.errors.NieError: The file a.npy is damaged (it ends too early).
    """
    try:
        yield
    except NieError:
        raise
    except FileNotFoundError as error:
        raise NieError(f"The file {path} is missing.") from error
    except (PermissionError, MemoryError):
        raise  # nothing is damaged: it may not be read, or is too large for this machine
    except Exception as error:  # a damaged file fails in any way that pickle, zipfile, torch and decompressors can
        reason = one_line(str(error).partition("\n")[0].rstrip("."), 120) or type(error).__name__
        raise NieError(f"The file {path} {sentence.format(reason=reason)}.") from error
