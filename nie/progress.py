"""What a long job shows: a bar with time left on a terminal, plain log lines elsewhere, nothing on request.

Everything goes through the logger ``nie``. A library user who configures no logging sees nothing; the command line
sets the level to INFO, or to WARNING with ``--quiet``.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sized
from contextvars import ContextVar
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from nie.deadline import seconds_left
from nie.foreign import visible

log = logging.getLogger("nie")
log.addHandler(logging.NullHandler())

Item = TypeVar("Item")

LINE_EVERY_S = 20.0
JOB_LINE_EVERY_S = 5.0


class VisibleFormatter(logging.Formatter):
    """Messages alone; control characters in foreign names are written as escapes."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of a record."""
        return visible(super().format(record))


class Progress:
    """Progress over ``total`` steps; ``advance`` also shows the latest figures.

    Within a `WholeJob` it shows nothing itself, and tells the job how far its piece is.

    >>> with Progress(2, "demo") as progress:
    ...     progress.advance({"loss": 0.5})
    ...     progress.advance({"loss": 0.4})
    """

    def __init__(self, total: int | None, label: str, *, initial: int = 0) -> None:
        self.total, self.label, self.done = total, label, initial
        self._job = _job.get()
        self._shown = log.isEnabledFor(logging.INFO)
        on_terminal = self._shown and self._job is None and sys.stderr.isatty()
        self._bar: tqdm[None] | None = (
            tqdm(total=total, desc=label, initial=initial, leave=False, dynamic_ncols=True) if on_terminal else None
        )
        self._start = self._last_line = time.monotonic()
        self._initial = initial

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, figures: Mapping[str, float] | None = None) -> None:
        """Count one more step and show ``figures`` beside it."""
        self.done += 1
        if self._job is not None:
            self._job.within(self.label, self.done, self.total)
            return
        shown = {name: f"{value:.4f}" for name, value in (figures or {}).items()}
        if self._bar is not None:
            if shown:
                self._bar.set_postfix(shown, refresh=False)
            self._bar.update()
        elif self._shown and time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            log.info("%s: %s", self.label, ", ".join([self._position(), *(f"{k} {v}" for k, v in shown.items())]))

    def _position(self) -> str:
        if not self.total:
            return str(self.done)
        pace = (time.monotonic() - self._start) / max(self.done - self._initial, 1)
        return f"{self.done}/{self.total}, {pace * (self.total - self.done):.0f} s left"


class WholeJob:
    """One progress for a job of many pieces: a bar with the time left on a terminal, else a line every few seconds.

    The time left is that of the pieces so far, drawn on to the end, but never more than the job's time limit.

    Args:
        weights: by name of a piece, how long it takes compared with the others; a guess.

    >>> with WholeJob({"a": 1, "b": 3}) as job:
    ...     with piece("a"):
    ...         pass
    ...     with piece("b"), Progress(2, "epochs") as epochs:
    ...         epochs.advance()
    ...         job.share
    0.625
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights, self._ended, self._now, self._inner = weights, 0.0, 0.0, 0.0
        self.said: set[Hashable] = set()
        self._start = self._last_line = time.monotonic()
        self._open = contextlib.ExitStack()
        self._bar: tqdm[None] | None = None

    def __enter__(self) -> WholeJob:
        self._open.callback(_job.reset, _job.set(self))
        if log.isEnabledFor(logging.INFO) and sys.stderr.isatty():
            self._bar = self._open.enter_context(
                tqdm(total=100, bar_format="{percentage:3.0f} % |{bar:30}| {desc}", leave=False, dynamic_ncols=True)
            )
            self._open.enter_context(logging_redirect_tqdm())  # lines of the log stand above the bar
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def share(self) -> float:
        """The part of the job that is done."""
        total = sum(self.weights.values())
        return min((self._ended + self._now * self._inner) / total, 1.0) if total else 1.0

    def begin(self, name: str) -> None:
        """Begin a piece."""
        self._now, self._inner = self.weights.get(name, 0.0), 0.0
        self._show(name)

    def within(self, what: str, done: int, total: int | None) -> None:
        """Say how far the piece is."""
        if total:
            self._inner = done / total
        self._show(f"{what} {done}/{total}" if total else f"{what} {done}")

    def end(self) -> None:
        """End a piece."""
        self._ended, self._now, self._inner = self._ended + self._now, 0.0, 0.0

    def _show(self, what: str) -> None:
        said = f"{visible(what)}{self._time_left()}"
        if self._bar is not None:
            self._bar.n = round(100 * self.share)
            self._bar.set_description_str(said)
        elif time.monotonic() - self._last_line >= JOB_LINE_EVERY_S:
            self._last_line = time.monotonic()
            log.info("%3.0f %%  %s", 100 * self.share, said)

    def _time_left(self) -> str:
        passed, limit = time.monotonic() - self._start, seconds_left()
        guesses = [limit] if limit is not None else []
        if self.share > 0.02:
            guesses.append(passed / self.share - passed)
        if not guesses:
            return ""
        return f", about {max(0, math.ceil(min(guesses) / 5) * 5)} s left"


_job: ContextVar[WholeJob | None] = ContextVar("job", default=None)


@contextlib.contextmanager
def piece(name: str) -> Iterator[None]:
    """Work on a piece of the whole job, where there is one."""
    job = _job.get()
    if job is not None:
        job.begin(name)
    yield
    if job is not None:
        job.end()


def is_news(what: Hashable) -> bool:
    """Whether to say it: not if it was asked of the same before in the whole job, of which each piece would repeat it.

    >>> is_news("a"), is_news("a")
    (True, True)
    >>> with WholeJob({}):
    ...     is_news("a"), is_news("a"), is_news("b")
    (True, False, True)
    """
    job = _job.get()
    if job is None:
        return True
    known = what in job.said
    job.said.add(what)
    return not known


def track(iterable: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Iterate while showing progress.

    >>> list(track([1, 2], "demo"))
    [1, 2]
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(total, label) as progress:
        for item in iterable:
            yield item
            progress.advance()
