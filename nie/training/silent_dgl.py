"""DGL's partitioning and its distributed engine without what they print."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silent_dgl() -> Iterator[None]:
    """Let DGL print nothing on the standard output in a block, and leave files open without a warning."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@contextlib.contextmanager
def silent_metis() -> Iterator[None]:
    """Let nothing reach the standard error in a block, where DGL writes a line of its own for each partition.

    The line is written by C++, past Python's stream, and no setting of DGL's keeps it back.
    """
    try:
        kept = os.dup(2)
    except OSError:  # it is closed, so nothing reaches it
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
