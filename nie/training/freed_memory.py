"""Memory that is freed and that the system gets back."""

from __future__ import annotations

import contextlib
import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Of glibc's ``mallopt``."""
LARGE = 1 << 20


def give_back_freed() -> None:
    """Let the system have what is freed: what lies free now, and from now on every piece of a megabyte or more.

    The C library keeps freed pieces of up to 32 MB for later. In between, what is smaller settles, so that tensors
    whose sizes differ from step to step take ever more than is in use. Another C library than glibc is left as it is.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, LARGE)
        library.mallopt(TRIM_THRESHOLD, LARGE)
        library.malloc_trim(0)
