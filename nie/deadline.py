"""A time limit of a whole job, for whatever works on it to ask."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

_end: ContextVar[float | None] = ContextVar("end", default=None)


class OutOfTime(Exception):
    """The time of the job is over; what was done is kept, and the same command goes on from there.

    It is no error of a user's: whoever sets a limit catches it.
    """


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Let `check_time` raise `OutOfTime` in a block when so many seconds are over; None for no limit.

    >>> with time_limit(60):
    ...     60 >= seconds_left() > 59
    True
    >>> seconds_left() is None
    True
    """
    token = _end.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def seconds_left() -> float | None:
    """Seconds until the limit, below 0 after it; None where there is none."""
    end = _end.get()
    return None if end is None else end - time.monotonic()


def check_time() -> None:
    """Raise `OutOfTime` where the time is over."""
    left = seconds_left()
    if left is not None and left <= 0:
        raise OutOfTime
