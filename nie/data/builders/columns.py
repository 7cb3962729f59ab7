"""Which column of a file of triples is which: as the user says, as a header says, and doubted where it makes no sense.

Files of triples come as head, relation, tail, but also with the relation first or last, and the wrong order gives a
graph that trains and means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nie.arguments import of_kind
from nie.errors import NieError, shown

ROLES = ("head", "relation", "tail")
LEFT_OUT = "-"
USUAL = ",".join(ROLES)

_WORDS = {
    "head": "head h subject subj sub s source src from start node1 entity1 e1",
    "relation": "relation rel r predicate pred p property prop edge label type relationship relationtype edgetype link",
    "tail": "tail t object obj o target tgt dst dest destination to end node2 entity2 e2",
}
_ROLE_OF = {
    word + ending: role
    for role, words in _WORDS.items()
    for word in words.split()
    for ending in ("", "id", "name", "entity", "uri", "iri")
}
# `:START_ID(Person)` of Neo4j, `?s` of SPARQL, `<subject>`, `Relation Type`.
_DECORATION = re.compile(r"\([^()]*\)$|[\W_]+")

Field = TypeVar("Field")

SHARED = 3
"""Fewer names that two columns share may be chance."""


@dataclass(frozen=True)
class Columns:
    """The roles of the columns, in order; each of head, relation and tail once, and "-" for what is left out.

    >>> Columns.parse("-,relation,head,tail").picked(["7", "knows", "ann", "bob"])
    ('ann', 'knows', 'bob')
    """

    roles: tuple[str, ...] = ROLES

    @classmethod
    def parse(cls, text: str) -> Columns:
        """The columns that a user names, separated by commas.

        Raises:
            NieError: a role is unknown, missing, or named twice.
        """
        of_kind("columns", text, str, f"names separated by commas, such as {USUAL!r}")
        roles = tuple(word.strip().lower() for word in text.split(","))
        if not _names_each(roles):
            raise NieError(
                f"The columns must name head, relation and tail, each once, as {USUAL}, with '-' for a column to leave "
                f"out; got {shown(text)}."
            )
        return cls(roles)

    @classmethod
    def of_header(cls, fields: Sequence[str]) -> Columns | None:
        """The columns that a header names, or None for a line that is none; "relation" may be called anything.

        >>> Columns.of_header([":START_ID(Person)", ":END_ID", ":TYPE"])
        Columns(roles=('head', 'tail', 'relation'))
        >>> Columns.of_header(["ann", "knows", "bob"]) is None
        True
        """
        roles = tuple(map(cls.role, fields))
        if roles == ("head", LEFT_OUT, "tail"):
            return cls()
        return cls(roles) if _names_each(roles) else None

    @classmethod
    def in_part(cls, fields: Sequence[str]) -> bool:
        """Whether a line of three fields or more names two roles, but not each of the three once.

        >>> Columns.in_part(["source", "target", "weight"]), Columns.in_part(["source", "weight", "target"])
        (True, False)
        """
        named = {*map(cls.role, fields)} - {LEFT_OUT}
        return len(fields) >= len(ROLES) and len(named) > 1 and cls.of_header(fields) is None

    @staticmethod
    def role(field: str) -> str:
        """The role that a header gives a column, or "-".

        >>> Columns.role(":START_ID(Person)"), Columns.role("weight")
        ('head', '-')
        """
        return _ROLE_OF.get(_DECORATION.sub("", field.lower()), LEFT_OUT)

    def picked(self, fields: Sequence[Field]) -> tuple[Field, Field, Field]:
        """Head, relation and tail of the fields of a line, or of columns."""
        head, relation, tail = (fields[self.roles.index(role)] for role in ROLES)
        return head, relation, tail


def _names_each(roles: Sequence[str]) -> bool:
    """Whether head, relation and tail stand there once each."""
    return sorted(role for role in roles if role != LEFT_OUT) == sorted(ROLES)


def check_order(
    found: Path | str, heads: Set[Hashable], relations: Set[Hashable], tails: Set[Hashable], *, numbers: bool,
    orders: tuple[str, str, str] = (USUAL, "head,tail,relation", "relation,head,tail"), advice: str = "give --columns",
) -> None:  # fmt: skip
    """Raise where the names of the columns say that they stand in another order.

    Heads and tails are of one kind, so that they share names, and relations of another. So the two columns that share
    the most are heads and tails. That is not asked of graphs whose heads and tails share nothing, such as what people
    buy, unless the column of relations shares names and is larger than the one left over. Numbers are shared by chance.

    Args:
        found: the file, or what else holds the columns, for the message.
        heads, relations, tails: the distinct names in the columns, as they were read.
        numbers: whether all relations are numbers.
        orders: of the columns as they were read, and what they are when relations are found among heads or tails; ""
            for one that cannot be.
        advice: how to say which order it is.

    Raises:
        NieError: in one sentence that names the order that would make sense.
    """
    together = len(heads & tails) / max(len(heads | tails), 1)
    for side, nodes, left, order in (
        ("head", heads, tails, orders[1]),
        ("tail", tails, heads, orders[2]),
    ):
        shared = len(nodes & relations)
        alike = shared / max(len(nodes | relations), 1)
        if not order or shared < SHARED or alike < 2 * together:
            continue
        if numbers:
            other = (alike >= 0.5 and len(relations) >= 10) or (alike >= 0.15 and len(relations) >= 10 * len(left))
        else:
            other = alike >= 0.5 or (shared >= 10 * len(heads & tails) and len(relations) > len(left))
        if other:
            raise NieError(
                f"{found}: {shared:,} of the {len(relations):,} relations are {side}s too, so the columns seem to be "
                f"in another order; {advice} {order}, or {orders[0]} if they are right as they are."
            )


def many_relations(relations: int, heads: int, tails: int) -> bool:
    """Whether there are so many relations that they may be nodes: a doubt, since a graph of facts can be like that.

    >>> many_relations(1345, 14000, 13000), many_relations(55, 14, 14), many_relations(900, 700, 4)
    (False, False, True)
    """
    return relations >= 50 and relations >= 10 * min(heads, tails)
