"""Arrays that are mapped from files, made and gone through without filling the memory with them."""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nie.arrays import Array
from nie.disk.atomic import space_errors

PIECE = 1 << 26
"""Bytes that are looked at, at a time."""


def forget(array: Array) -> None:
    """Let the system take back the memory of an array that was mapped from a file; what is used is read again.

    Of an array that is no such map, and where the system knows no such advice, nothing happens.
    """
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if isinstance(owner.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.base.madvise(mmap.MADV_DONTNEED)


def pieces(array: Array) -> Iterator[Array]:
    """Go through the rows of an array by parts of about `PIECE` bytes, each forgotten when it has been looked at.

    >>> [part.tolist() for part in pieces(np.array([[1, 2], [3, 4]]))]
    [[[1, 2], [3, 4]]]
    """
    at_once = max(PIECE // max(array[:1].nbytes, 1), 1)
    for first in range(0, len(array), at_once):
        yield array[first : first + at_once]
        forget(array)


def scratch(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return zeros that lie in a temporary file, so that the system may take back the memory that they are used in.

    The file, in the folder that ``TMPDIR`` names, has no name and ends with the array. Its size is reserved at once: a
    disk that fills up later does no harm to it.

    Args:
        shape: none of its sizes 0.
        dtype: of the numbers.

    Raises:
        NotWritten: the disk has no room for it.

    >>> array = scratch((2, 3), np.int64)
    >>> array[1] = 7
    >>> forget(array)
    >>> array.tolist()
    [[0, 0, 0], [7, 7, 7]]
    """
    folder, size = tempfile.gettempdir(), math.prod(shape) * np.dtype(dtype).itemsize
    with space_errors(Path(folder, "a temporary file")), tempfile.TemporaryFile() as file:
        if size > shutil.disk_usage(folder).free:  # some systems fill the disk before they see that
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "w+", shape=shape)
