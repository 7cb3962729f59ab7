"""The one exception that is meant for users, and the hint that goes with a misspelt name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
