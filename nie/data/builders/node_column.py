"""What is given for single nodes, a score or a text: each of them once, and each for a node that there is."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nie.data.builders.frame import Frame
from nie.data.builders.header import NODE_WORDS, PERHAPS_NODE_WORDS, meant_first
from nie.data.builders.table_file import table_rows
from nie.data.builders.triples import Source
from nie.data.raw import find_packed
from nie.errors import NieError, shown
from nie.progress import log


@dataclass(frozen=True)
class NodeColumn:
    """Values of nodes, as they stand somewhere.

    Attributes:
        kind: "scores", "signals" or "text".
        source: of the rows, for messages.
        rows: the number of each row, the name of a node, and its value.
    """

    kind: str
    source: Source
    rows: Iterable[tuple[int, str, Any]]

    @classmethod
    def of_file(cls, kind: str, path: str | os.PathLike[str], nodes: Mapping[str, int]) -> NodeColumn:
        """The two columns of a table of texts; ``nodes`` tell a first line from a header."""
        return cls(kind, Source(str(find_packed(path))), _without_header(path, nodes))

    @classmethod
    def of_frame(cls, kind: str, given: Any) -> NodeColumn:
        """The one column of values of a table in memory, as `Frame.of_values` reads it."""
        frame = Frame.of_values(kind, given)
        place, *_ = meant_first(frame.columns, frame.value_columns(), kind)
        return cls(kind, Source(kind, "row"), frame.rows(place))

    def values(
        self, nodes: Mapping[str, int], literals: Mapping[str, str], *, allow_unknown: bool
    ) -> tuple[dict[int, Any], int]:
        """The value by the number of its node, and how many were skipped; an empty text is none.

        Args:
            nodes: number by name.
            literals: what is no node but a value, and of which relation.
            allow_unknown: whether names that are no nodes are skipped, instead of refused.

        Raises:
            NieError: a value that is malformed, or a node that stands twice or is in no triple.
        """
        values: dict[int, Any] = {}
        seen: set[str] = set()
        skipped = 0
        for number, given, field in self.rows:
            node = in_graph(given, nodes)
            value = PARSERS[self.kind](field)
            if value is None:
                what = EXPECTED[self.kind].format(shown(node))
                negative = self.kind == "scores" and _finite(field) is not None
                remedy = "; where scores below 0 are meant, add to all of them what lifts the lowest to 0" * negative
                raise NieError(f"{self.source.at(number)}: {what}; got {shown(field)}{remedy}.")
            if node in seen:
                raise NieError(f"{self.source.at(number)}: the node {shown(node)} appears twice; give each node once.")
            seen.add(node)
            if node in nodes:
                if value != "":
                    values[nodes[node]] = value
            elif allow_unknown:
                skipped += 1
            else:
                raise NieError(f"{self.source.at(number)}: {_no_node(node, literals)}.")
        return values, skipped


def in_graph(name: str, names: Mapping[str, int]) -> str:
    """A name as the graph has it: N-Triples writes in brackets what others write without."""
    return f"<{name}>" if name not in names and f"<{name}>" in names else name


def _no_node(name: str, literals: Mapping[str, str]) -> str:
    if name in literals:
        return (
            f"{shown(name)} is a literal, a value of the relation {shown(literals[name])}, and no node; remove it, or "
            'give --literals nodes (in Python literals="nodes")'
        )
    return (
        f"the node {shown(name)} is in no triple; correct it, or give --allow-unknown (in Python allow_unknown=True) "
        "to skip such nodes"
    )


def _without_header(path: str | os.PathLike[str], nodes: Mapping[str, int]) -> Iterator[tuple[int, str, str]]:
    header: list[str] | None = None
    for row, (line, fields) in enumerate(table_rows(find_packed(path), 2)):
        node, field = fields[0].strip(), fields[1]
        # A text can be anything, so that the first word tells a header where it is a usual one.
        if row == 0 and in_graph(node, nodes) not in nodes and node.lower() in NODE_WORDS | PERHAPS_NODE_WORDS:
            header = fields
            log.info("%s, line %d is taken as a header and skipped: %s", find_packed(path), line, " ".join(fields))
        if fields != header:  # files that were joined have it again
            yield line, node, field


def _finite(field: Any) -> float | None:
    number = float(field) if is_number(field) else math.nan
    return number if math.isfinite(number) else None


def _score(field: Any) -> float | None:
    number = _finite(field)
    return number if number is not None and number >= 0 else None


def _sentence(field: Any) -> str | None:
    return (field if field.strip() else "") if isinstance(field, str) else None


def is_number(field: Any) -> bool:
    if isinstance(field, bool):
        return False
    try:
        float(field)
    except (TypeError, ValueError, OverflowError):
        return False
    return "_" not in str(field)  # which Python takes, and nobody means


PARSERS: Mapping[str, Callable[[Any], Any]] = {"scores": _score, "signals": _finite, "text": _sentence}
EXPECTED = {
    "scores": "the score of {} must be a number >= 0",
    "signals": "a signal of {} must be a number",
    "text": "the text of {} must be a string",
}
