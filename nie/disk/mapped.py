"""Arrays that are mapped from files, gone through without filling the memory with them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np

from nie.arrays import Array

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
