"""The one exception that is meant for users, the hint for a misspelt name, and how a foreign value is shown in it."""

from __future__ import annotations

import difflib
import reprlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

from nie.foreign import one_line

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


class NieError(Exception):
    """A mistake that the user can mend; its message is one sentence that says how.

    The command line prints the message alone and exits with code 2.
    """


LONGEST_WORD = 200
MOST_COMPARED = 500
"""Options that are compared letter by letter, which takes a tenth of a millisecond each."""


def nearest(word: str, options: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the option closest to ``word``, or ``""`` when none is close.

    >>> nearest("spaerman", ["rmse", "spearman"])
    " (did you mean 'spearman'?)"
    >>> nearest("zzz", ["rmse", "spearman"])
    ''
    """
    if len(word) > LONGEST_WORD:
        return ""
    close = difflib.get_close_matches(word, _alike(word, list(options)), n=1, cutoff=0.5)
    return f" (did you mean {shown(close[0])}?)" if close else ""


def _alike(word: str, options: list[str]) -> list[str]:
    """Of many options those that share the most triples of letters with the word.

    Triples that most options have, such as those of ``http://``, tell nothing.
    """
    if len(options) <= MOST_COMPARED:
        return options
    pieces = {word[place : place + 3] for place in range(max(len(word) - 2, 1))}
    some = options[:: len(options) // 100]
    pieces = {piece for piece in pieces if sum(piece in option for option in some) <= len(some) / 2} or pieces
    found = Counter(place for piece in pieces for place, option in enumerate(options) if piece in option)
    return [options[place] for place, _ in found.most_common(MOST_COMPARED)]


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
    return one_line(text, limit)
