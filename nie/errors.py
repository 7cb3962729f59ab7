"""The one exception that is meant for users, the hint for a misspelt name, and how a foreign value is shown in it."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


class NieError(Exception):
    """A mistake that the user can mend; its message is one sentence that says how.

    The command line prints the message alone and exits with code 2.
    """


def nearest(word: str, options: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the option closest to ``word``, or ``""`` when none is close.

    >>> nearest("spaerman", ["rmse", "spearman"])
    " (did you mean 'spearman'?)"
    >>> nearest("zzz", ["rmse", "spearman"])
    ''
    """
    close = difflib.get_close_matches(word, list(options), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shown(value: Any, limit: int = 80) -> str:
    """``repr`` for an error message: at most ``limit`` characters, on one line, and never an error of its own.

    Containers are abbreviated before they are written, so that a hostile or huge value costs nothing.

    >>> shown("a\\nb"), shown(list(range(1000)))
    ("'a\\\\nb'", '[0, 1, 2, 3, 4, 5, ...]')
    >>> len(shown("x" * 1000000))
    80
    """
    try:
        text = _SHORT.repr(value)
    except Exception:  # a foreign class's own __repr__ may do anything
        text = f"<{type(value).__name__}>"
    text = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text[: limit * 4])
    return text if len(text) <= limit else text[: limit - 3] + "..."
