"""The ranking of all nodes, searched, filtered, sorted and cut into pages."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from downstream.answers.node_scores import NodeScores
from nie.arrays import Bools, Floats, Ints
from nie.data import KnowledgeGraph

PAGE = 50
"""Nodes on a page."""
SEARCHED = 200
"""Letters of a text that a search looks at, from its beginning."""


@dataclass(frozen=True)
class Query:
    """What is asked of a ranking.

    Attributes:
        search: words of the name or of the beginning of the text, without regard to case and accents.
        type: the type of a node.
        least_degree, most_degree: how many edges a node has, ends included; None for any number.
        held_out: True for nodes with a known importance that no model behind their score has seen, False for those with
            one that was seen, None for all nodes.
        sort: of `Ranking.SORTS`.
        page: from 1.
    """

    search: str = ""
    type: str | None = None
    least_degree: int | None = None
    most_degree: int | None = None
    held_out: bool | None = None
    sort: str = "rank"
    page: int = 1


@dataclass(frozen=True)
class Found:
    """A page of the nodes that were asked for.

    Attributes:
        nodes: their numbers.
        total: how many nodes there are on all pages.
        page: the number of this one, the last where a later one was asked for.
        pages: how many there are, at least 1.
    """

    nodes: list[int]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, eq=False)
class Ranking:
    """All nodes with what can be asked of them; an answer takes milliseconds for a hundred thousand.

    Attributes:
        kg: the graph.
        scores: of its nodes.
        other: the scores by another run; None where none is compared with.

    Example:
        >>> from nie.data import synthetic
        >>> kg, none = synthetic(0), np.zeros(300, bool)
        >>> scores = NodeScores(kg.node_names, ["A"] * 300, np.arange(300.0), kg.labels, ~none, none, none)
        >>> found = Ranking(kg, scores).find(Query(search="NODE 29", page=9))
        >>> found.nodes, found.total, found.page
        ([299, 298, 297, 296, 295, 294, 293, 292, 291, 290, 29], 11, 1)
    """

    kg: KnowledgeGraph
    scores: NodeScores
    other: NodeScores | None = None
    _orders: dict[str, Ints] = field(default_factory=dict, repr=False)

    @property
    def sorts(self) -> list[str]:
        """The orders that there are."""
        return [name for name in SORTS if name != "disagreement" or self.other is not None]

    @cached_property
    def degree(self) -> Ints:
        """(N,) how many edges a node has; a loop is two."""
        return np.bincount(np.concatenate([self.kg.src, self.kg.dst]), minlength=self.kg.num_nodes)

    @cached_property
    def types(self) -> list[tuple[str, int]]:
        """Types with their numbers of nodes, the most frequent first."""
        return Counter(self.scores.type).most_common()

    @cached_property
    def error(self) -> Floats:
        """(N,) prediction less truth on the label scale; nan where there is no truth, or a model had seen it."""
        judged = self.scores.held_out & self.kg.label_mask
        return np.where(judged, self._on_label_scale(self.scores.score) - self.kg.targets, np.nan)

    @cached_property
    def disagreement(self) -> Floats:
        """(N,) the score less that of the other run, on the label scale; nan without another run."""
        if self.other is None:
            return np.full(self.kg.num_nodes, np.nan)
        return self._on_label_scale(self.scores.score) - self._on_label_scale(self.other.score)

    def find(self, query: Query) -> Found:
        """A page of nodes."""
        order = self._order(query.sort)
        chosen = order[self._matching(query)[order]]
        pages = max(1, -(-len(chosen) // PAGE))
        page = min(max(query.page, 1), pages)
        return Found(chosen[(page - 1) * PAGE : page * PAGE].tolist(), len(chosen), page, pages)

    def prepare(self) -> None:
        """Make what every answer needs, so that the first one is as fast as the next."""
        for name in self.sorts:
            self._order(name)
        self.find(Query(search="a", type=self.types[0][0], least_degree=1))

    def _on_label_scale(self, score: Floats) -> Floats:
        return np.log1p(score) if self.kg.label_transform == "log1p" else score

    def _order(self, name: str) -> Ints:
        if name not in self._orders:
            self._orders[name] = SORTS.get(name, SORTS["rank"])(self)
        return self._orders[name]

    def _matching(self, query: Query) -> Bools:
        """(N,) True for the nodes that are asked for, on whatever page."""
        matching = np.ones(self.kg.num_nodes, dtype=bool)
        if query.type is not None:
            matching &= self._type == self._type_number.get(query.type, -1)
        if query.least_degree is not None:
            matching &= self.degree >= query.least_degree
        if query.most_degree is not None:
            matching &= self.degree <= query.most_degree
        if query.held_out is not None:
            matching &= self.kg.label_mask & (self.scores.held_out == query.held_out)
        if asked := _plain(query.search.strip()):
            words = self._words
            matching[[node for node in np.flatnonzero(matching).tolist() if asked not in words[node]]] = False
        return matching

    @cached_property
    def _words(self) -> list[str]:
        texts = zip(self.kg.node_names, self.kg.text, strict=True)
        return [_plain(f"{name}\n{(text or '')[:SEARCHED]}") for name, text in texts]

    @cached_property
    def _type_number(self) -> dict[str, int]:
        return {name: number for number, (name, _) in enumerate(self.types)}

    @cached_property
    def _type(self) -> Ints:
        return np.array([self._type_number[name] for name in self.scores.type])


def _plain(text: str) -> str:
    """Text without case and accents.

    >>> _plain("Łódź Café")
    'łodz cafe'
    """
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in parts if not unicodedata.combining(letter)).casefold()


def _largest_first(values: Floats) -> Ints:
    """All nodes by falling value, and those without one behind them."""
    return np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable")


def _by_rank(ranking: Ranking) -> Ints:
    return np.array(ranking.scores.order, dtype=np.int64)


def _by_name(ranking: Ranking) -> Ints:
    words = ranking._words
    return np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)


def _by_width(ranking: Ranking) -> Ints:
    lower, upper = ranking.scores.interval
    return _largest_first(ranking._on_label_scale(upper) - ranking._on_label_scale(lower))


SORTS: dict[str, Callable[[Ranking], Ints]] = {
    "rank": _by_rank,
    "name": _by_name,
    "degree": lambda ranking: _largest_first(ranking.degree.astype(float)),
    "truth": lambda ranking: _largest_first(ranking.scores.known),
    "error": lambda ranking: _largest_first(np.abs(ranking.error)),
    "interval": _by_width,
    "disagreement": lambda ranking: _largest_first(np.abs(ranking.disagreement)),
}
"""The orders of a ranking by name; whatever has no value comes last."""
