"""Which column of a table of nodes is which, as its header says."""

from __future__ import annotations

from collections.abc import Sequence

NODE_WORDS = frozenset({"node", "node_id", "entity"})
"""What a header may call the column of nodes."""
PERHAPS_NODE_WORDS = frozenset({"id", "name"})
"""What it may call that column, or a further one beside it."""
ROW_WORDS = frozenset({"", "index", "unnamed: 0"})
"""What pandas calls a first column that numbers the rows."""

VALUE_WORDS = {
    "scores": frozenset({"score", "importance", "label", "value", "number"}),
    "text": frozenset({"text", "description", "abstract", "words"}),
}
"""What it may call the column of values that is meant, by kind, where there are several."""


def node_place(header: Sequence[str], *, in_order: bool = False) -> int:
    """The place of the column of nodes: one that is called so, or the first.

    Args:
        header: what the columns are called.
        in_order: whether the first column has the nodes unless it numbers the rows or another is surely called so, as
            in a file, where an ``id`` may stand further on.

    >>> node_place(["", "node", "score"]), node_place(["id", "node", "score"]), node_place(["who", "score"])
    (1, 1, 0)
    >>> node_place(["title", "votes", "id"]), node_place(["title", "votes", "id"], in_order=True)
    (2, 0)
    """
    words = [key.strip().lower() for key in header]
    perhaps = words[:1] if in_order and words[0] not in ROW_WORDS else words
    for known, among in ((NODE_WORDS, words), (PERHAPS_NODE_WORDS, perhaps)):
        for place, word in enumerate(among):
            if word in known:
                return place
    return 0


def value_places(header: Sequence[str], node: int) -> list[int]:
    """The places of the columns of values; numbers of nodes or rows are none, where there are others.

    A name may be a value, as it is a text.

    >>> value_places(["", "node", "id", "votes", "views"], 1), value_places(["node", "name"], 0)
    ([3, 4], [1])
    """
    others = [place for place in range(len(header)) if place != node]
    words = {place: header[place].strip().lower() for place in others}
    values = [
        place
        for place, word in words.items()
        if word not in NODE_WORDS | {"id"} and not (place == 0 and word in ROW_WORDS)
    ]
    return values or others


def meant_first(header: Sequence[str], places: Sequence[int], kind: str) -> list[int]:
    """The places of the columns of values, first the one that is called so, if there is one.

    >>> meant_first(["node", "year", "Score"], [1, 2], "scores"), meant_first(["node", "year", "age"], [1, 2], "scores")
    ([2, 1], [1, 2])
    """
    return sorted(places, key=lambda place: header[place].strip().lower() not in VALUE_WORDS[kind])
