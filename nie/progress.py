"""What a long job shows: a bar with time left on a terminal, plain log lines elsewhere, nothing on request.

Everything goes through the logger ``nie``. A library user who configures no logging sees nothing; the command line
sets the level to INFO, or to WARNING with ``--quiet``.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

from nie.foreign import visible

log = logging.getLogger("nie")
log.addHandler(logging.NullHandler())

Item = TypeVar("Item")

LINE_EVERY_S = 20.0


class VisibleFormatter(logging.Formatter):
    """Messages alone; control characters in foreign names are written as escapes."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of a record."""
        return visible(super().format(record))


class Progress:
    """Progress over ``total`` steps; ``advance`` also shows the latest figures.

    >>> with Progress(2, "demo") as progress:
    ...     progress.advance({"loss": 0.5})
    ...     progress.advance({"loss": 0.4})
    """

    def __init__(self, total: int | None, label: str, *, initial: int = 0) -> None:
        self.total, self.label, self.done = total, label, initial
        self._shown = log.isEnabledFor(logging.INFO)
        on_terminal = self._shown and sys.stderr.isatty()
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
