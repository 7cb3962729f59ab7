"""DGL's partitioning and its distributed engine without what they print."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silent_dgl() -> Iterator[None]:
    """Let DGL print nothing on the standard output in a block, and leave files open without a warning."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
