"""Literals, which are values and no nodes: which tails are, what they say, and the graph without them."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass

import numpy as np

from nie.arrays import Bools, Floats, Ints
from nie.data.builders.triples import Triples
from nie.errors import NieError
from nie.progress import log

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?:@([A-Za-z0-9-]+)|\^\^(\S+))?', re.S)
_ESCAPE = re.compile(r"\\(.)", re.S)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(
    r"(-?\d{4,6})(?:-(\d\d)(?:-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_BOOLEANS = {"true": 1.0, "false": 0.0}
MOST_LOGGED = 10


@dataclass(frozen=True)
class Literal:
    """What the name of a tail says, when it is a literal.

    Attributes:
        text: what stands between the quotes.
        number: what it is as a number, a date as its year with the days as a fraction; nan for other text.
        untyped: whether it is just a string, whose being a number may be chance, as in the title "1917".
    """

    text: str
    number: float
    untyped: bool

    @classmethod
    def quoted(cls, name: str) -> Literal | None:
        """The literal that a name with quotes is, as in N-Triples.

        >>> Literal.quoted('"7"^^<http://www.w3.org/2001/XMLSchema#integer>')
        Literal(text='7', number=7.0, untyped=False)
        >>> Literal.quoted('"Z\\\\"u"@de').text, Literal.quoted('"one" or "two"')
        ('Z"u', None)
        """
        match = _QUOTED.fullmatch(name)
        if match is None:
            return None
        text, language, kind = match.groups()
        if "\\" in text:
            text = _ESCAPE.sub(lambda escape: " " if escape[1] in "nrtbf" else escape[1], text)
        untyped = kind is None or kind.rstrip(">").endswith("string")
        truth = _BOOLEANS.get(text, math.nan) if kind and kind.rstrip(">").endswith("boolean") else math.nan
        number = math.nan if language else number_of(text) if math.isnan(truth) else truth
        return cls(text, number, untyped)


def number_of(text: str) -> float:
    """A number, or a date, dateTime or year of ISO 8601 as a decimal year; nan for what is neither, or is not finite.

    >>> number_of("-1.5e3"), number_of("1999-07-02"), number_of("1999-07-02T10:00:00Z"), number_of("1999-13-01")
    (-1500.0, 1999.4986301369863, 1999.4986301369863, nan)
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else math.nan
    match = _DATE.fullmatch(text)
    if match is None:
        return math.nan
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    if not 1 <= month <= 12:
        return math.nan
    try:  # the calendar repeats itself, and Python's ends with the year 9999
        like = datetime.date(2000 + year % 400, month, day)
    except ValueError:
        return math.nan
    begin = datetime.date(like.year, 1, 1)
    return year + (like - begin).days / (datetime.date(like.year + 1, 1, 1) - begin).days


@dataclass(frozen=True)
class Literals:
    """What literals say of the nodes of a graph, by relation, in the order of names.

    Attributes:
        numbers: the nodes that have a number, and their numbers; the mean of several.
        strings: nodes and strings of theirs.
        names: of the literals, which are no nodes: the relation whose values they are, by what they are called.
    """

    numbers: dict[str, tuple[Ints, Floats]]
    strings: dict[str, tuple[Ints, list[str]]]
    names: dict[str, str]


def set_apart(source: str, read: Triples, type_relation: str | None) -> tuple[Triples, Literals]:
    """The graph without the triples whose tails are literals, and what these say.

    Args:
        source: where the triples are from, for messages.
        read: all triples, in the order of names.
        type_relation: the relation whose tails are types, which stay nodes however they are written.

    Raises:
        NieError: no triple is left.
    """
    names, relations = list(read.nodes), list(read.relations)
    tails = _Tails.of(read, names)
    is_value = tails.values(read, None if type_relation is None else read.relations[type_relation])
    if not is_value.any():
        return read, Literals({}, {}, {})
    if is_value.all():
        raise NieError(
            f"{source}: every tail is a literal (a number, date or string), so that nothing connects two nodes; give "
            "--literals nodes to take them as nodes."
        )
    graph, node = read.of_edges(~is_value)
    heads, relation, tail = read.edges[is_value].T
    as_number = tails.are_numbers(relation, tail, len(relations))
    literals = Literals({}, {}, {})
    for place in _runs(relation):
        said = relations[relation[place[0]]]
        numbers, strings = place[as_number[place]], place[~as_number[place]]
        if len(numbers):
            literals.numbers[said] = _means(node[heads[numbers]], tails.number[tail[numbers]])
        if len(strings):
            literals.strings[said] = node[heads[strings]], [tails.texts[each] for each in tail[strings].tolist()]
        for each in tail[place][node[tail[place]] < 0].tolist():
            literals.names[names[each]] = literals.names[tails.texts.get(each, names[each])] = said
    _log(source, literals, int(is_value.sum()))
    return graph, literals


@dataclass(frozen=True)
class _Tails:
    """What each name says that is a tail, and nothing of the others.

    Attributes:
        heads: (N,) whether it is a head, too.
        number: (N,) the number or date that it is, else nan.
        quoted, untyped: (N,) whether it has quotes, and whether they say that it is just a string.
        texts: what stands between the quotes.
    """

    heads: Bools
    number: Floats
    quoted: Bools
    untyped: Bools
    texts: dict[int, str]

    @classmethod
    def of(cls, read: Triples, names: list[str]) -> _Tails:
        heads, quoted, untyped = (np.zeros(len(names), dtype=bool) for _ in range(3))
        heads[read.edges[:, 0]] = True
        number, texts = np.full(len(names), np.nan), {}
        for each, name in enumerate(names):
            literal = Literal.quoted(name) if name[0] == '"' else None
            if literal is not None:
                quoted[each], untyped[each], number[each] = True, literal.untyped, literal.number
                texts[each] = literal.text
            elif name[0] in "+-.0123456789":
                number[each] = number_of(name)
        return cls(heads, number, quoted, untyped, texts)

    def values(self, read: Triples, type_relation: int | None) -> Bools:
        """(E,) whether the tail of each triple is a literal.

        A head is a node, and so is the same name as a tail. What has quotes is a literal. A bare number or date is one
        where all tails of its relation are, since a single one may be a name, such as that of the film 1917. And where
        heads are numbers, nodes are called 0 to N, as in many published graphs; where they have quotes, a program has
        written quotes around everything. Then neither says anything.
        """
        _, relation, tail = read.edges.T
        plain = np.flatnonzero(self.heads)
        is_number = ~np.isnan(self.number)
        bare = ~self.quoted & is_number
        all_numbers = np.bincount(relation, ~is_number[tail], len(read.relations)) == 0
        by_quotes = self.quoted[tail] & (2 * self.quoted[plain].sum() < len(plain))
        by_number = bare[tail] & all_numbers[relation] & (2 * bare[plain].sum() < len(plain))
        is_value: Bools = ~self.heads[tail] & (by_quotes | by_number)
        return is_value if type_relation is None else is_value & (relation != type_relation)

    def are_numbers(self, relation: Ints, tail: Ints, num_relations: int) -> Bools:
        """Whether each literal is a number: a mere string only where all literals of its relation are numbers."""
        is_number = ~np.isnan(self.number[tail])
        all_numbers = np.bincount(relation, ~is_number, num_relations) == 0
        sure: Bools = is_number & (~self.untyped[tail] | all_numbers[relation])
        return sure


def _runs(relation: Ints) -> list[Ints]:
    """The places of each relation that there is."""
    order = np.argsort(relation, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(relation[order])) + 1)


def _means(nodes: Ints, numbers: Floats) -> tuple[Ints, Floats]:
    distinct, place = np.unique(nodes, return_inverse=True)
    count = np.bincount(place)
    means: Floats = np.bincount(place, numbers / count[place]).astype(np.float64)
    return distinct, means


def _log(source: str, literals: Literals, total: int) -> None:
    counts = [f"{name} {len(nodes):,} numbers" for name, (nodes, _) in literals.numbers.items()]
    counts += [f"{name} {len(nodes):,} strings" for name, (nodes, _) in literals.strings.items()]
    more = f", and {len(counts) - MOST_LOGGED} more" if len(counts) > MOST_LOGGED else ""
    log.info(
        "%s: %d triples give a value to a node, so they are features and text of it and no edges: %s%s",
        source, total, ", ".join(counts[:MOST_LOGGED]), more,
    )  # fmt: skip
