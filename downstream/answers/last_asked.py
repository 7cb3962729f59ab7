"""Things that are large and take a while to make: kept in memory as long as there is room for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class LastAsked(Generic[Made]):
    """What was asked for last, up to so many bytes; what was not asked for longest goes first, and is made anew.

    Args:
        most: bytes of all that is kept, but for what was asked for last, which is kept in any case.
        size_of: tells how many bytes one takes.

    Example:
        >>> kept = LastAsked(5, len)
        >>> for word in ("one", "two", "one"):
        ...     kept.get(word, lambda word=word: print("made", word) or word)
        made one
        'one'
        made two
        'two'
        made one
        'one'
    """

    def __init__(self, most: int, size_of: Callable[[Made], int]) -> None:
        self._most, self._size_of = most, size_of
        self._made: dict[Hashable, Made] = {}

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is kept under ``key``, or what ``make`` returns."""
        found = self._made.pop(key) if key in self._made else make()
        self._made[key] = found
        while len(self._made) > 1 and sum(map(self._size_of, self._made.values())) > self._most:
            del self._made[next(iter(self._made))]
        return found
