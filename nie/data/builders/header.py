"""Which column of a table of nodes is which, as its header says."""

from __future__ import annotations

from collections.abc import Sequence

NODE_WORDS = frozenset({"node", "node_id", "entity"})
"""What a header may call the column of nodes."""
PERHAPS_NODE_WORDS = frozenset({"id", "name"})
"""What it may call that column, or a further one beside it."""
ROW_WORDS = frozenset({"", "index", "unnamed: 0"})
"""What pandas calls a first column that numbers the rows."""


def node_place(header: Sequence[str]) -> int:
    """The place of the column of nodes: one that is called so, or the first.

    >>> node_place(["", "node", "score"]), node_place(["id", "node", "score"]), node_place(["who", "score"])
    (1, 1, 0)
    """
    words = [key.strip().lower() for key in header]
    for known in (NODE_WORDS, PERHAPS_NODE_WORDS):
        for place, word in enumerate(words):
            if word in known:
                return place
    return 0


def value_places(header: Sequence[str]) -> list[int]:
    """The places of the columns of values; numbers of nodes or rows are none, where there are others.

    A name may be a value, as it is a text.

    >>> value_places(["", "node", "id", "votes", "views"]), value_places(["node", "name"])
    ([3, 4], [1])
    """
    others = [place for place in range(len(header)) if place != node_place(header)]
    words = {place: header[place].strip().lower() for place in others}
    values = [
        place
        for place, word in words.items()
        if word not in NODE_WORDS | {"id"} and not (place == 0 and word in ROW_WORDS)
    ]
    return values or others
