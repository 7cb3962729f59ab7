"""What became of a case: whole, refused in one sentence, or one of the faults that must not be."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nie.errors import NieError

GOOD = ("whole", "refused")
BAD = ("accepted", "traceback", "hang", "memory", "unreadable")
MOST_SECONDS, MOST_BYTES, MOST_LETTERS = 10, 2 << 30, 2_000


class Hang(BaseException):
    """A case took longer than `MOST_SECONDS` of the processor's time."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of a case, one of `GOOD` and `BAD`, and what was said."""

    outcome: str
    said: str = ""


def judge(use: Callable[[], Any], same: Callable[[Any], bool]) -> Verdict:
    """Use what was damaged, within limits of time and memory.

    Args:
        use: does so.
        same: whether what it returns may be returned. Where a change of the file is a change of data, always.
    """
    try:
        with _limits():
            result = use()
            good = same(result)
    except NieError as error:
        said = str(error)
        readable = len(said) <= MOST_LETTERS and "\n" not in said.strip() and said.isprintable()
        return Verdict("refused" if readable else "unreadable", said[:300])
    except Hang:
        return Verdict("hang")
    except MemoryError:
        return Verdict("memory", traceback.format_exc()[-600:])
    except SystemExit as error:
        return Verdict("refused" if error.code == 2 else "traceback", f"exit {error.code}")
    except Exception:
        return Verdict("traceback", traceback.format_exc()[-1200:])
    return Verdict("whole" if good else "accepted")


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    def expired(*_: Any) -> None:
        raise Hang

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = Path("/proc/self/statm")
    now = int(pages.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0
    # The processor's time, because the machine may be busy; and the clock's, for what waits and computes nothing.
    timers = {
        signal.SIGPROF: (signal.ITIMER_PROF, MOST_SECONDS),
        signal.SIGALRM: (signal.ITIMER_REAL, 6 * MOST_SECONDS),
    }
    previous = {number: signal.signal(number, expired) for number in timers}
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    if now:
        resource.setrlimit(resource.RLIMIT_AS, (now + MOST_BYTES, before[1]))
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, previous[number])
        resource.setrlimit(resource.RLIMIT_AS, before)
