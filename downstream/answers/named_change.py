"""What changes in a graph, as users say it: facts to remove and to add by names, or in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from downstream.answers.by_name import find_entity, find_relation, whole_words
from nie.arguments import as_name
from nie.arrays import Ints
from nie.data import KnowledgeGraph
from nie.data.builders.table_file import table_rows
from nie.data.graph_change import GraphChange, among, distinct
from nie.data.names_as_words import relation_text
from nie.data.raw import find_packed
from nie.errors import NieError, nearest, shown

ACTIONS = ("remove", "add")


class NamedFact(NamedTuple):
    """A fact as a user names it; ``at`` says where, for messages, or nothing."""

    head: str
    relation: str
    tail: str
    at: str = ""


def named_facts(action: str, facts: Sequence[Any]) -> list[NamedFact]:
    """Facts from triples of names, as Python or the command line has them.

    Raises:
        NieError: what is no list of triples of names.
    """
    if isinstance(facts, (str, bytes)) or not isinstance(facts, Sequence):
        raise NieError(f"{action} must be a list of facts (head, relation, tail); got {shown(facts)}.")
    return [fact if isinstance(fact, NamedFact) else _named_fact(action, fact) for fact in facts]


def _named_fact(action: str, fact: Any) -> NamedFact:
    given = fact if isinstance(fact, Sequence) and not isinstance(fact, (str, bytes)) else []
    names = [name for name in map(as_name, given) if name is not None]
    if len(names) != 3 or len(given) != 3:
        raise NieError(f"{action} must hold facts (head, relation, tail), three names each; got {shown(fact)}.")
    return NamedFact(*names)


def read_changes(path: str | os.PathLike[str]) -> dict[str, list[NamedFact]]:
    """Read the lines ``add<tab>head<tab>relation<tab>tail`` and ``remove<tab>...`` of a file, by action.

    Raises:
        NieError: a line is malformed, and the message says which; or there is none.
    """
    found = find_packed(path)
    facts: dict[str, list[NamedFact]] = {action: [] for action in ACTIONS}
    for number, fields in table_rows(found, 4):
        at, (action, head, relation, tail) = f"{found}, line {number}", map(str.strip, fields)
        if action not in ACTIONS:
            raise NieError(f"{at} must begin with add or remove; got {shown(action)}{nearest(action, ACTIONS)}.")
        if not (head and relation and tail):
            raise NieError(f"{at}: head, relation and tail must not be empty.")
        facts[action].append(NamedFact(head, relation, tail, at))
    if not any(facts.values()):
        raise NieError(
            f"{found} must have lines 'add<tab>head<tab>relation<tab>tail' or 'remove<tab>...'; it has none."
        )
    return facts


def named_change(kg: KnowledgeGraph, remove: Sequence[NamedFact], add: Sequence[NamedFact]) -> GraphChange:
    """The change that facts by names are; nodes and relations are found as `downstream.answers.by_name` finds them.

    Of a fact to remove, words of its relation are enough that only one relation between the two has in its name.

    Raises:
        NieError: there is no fact, a node or relation is unknown or its words are those of several, a fact to remove is
            not there, or one to add is there already.

    >>> from nie.data import synthetic
    >>> kg = synthetic(0)
    >>> head, relation, tail = kg.triples[0].tolist()
    >>> fact = NamedFact(kg.node_names[head], kg.relation_names[relation], kg.node_names[tail])
    >>> named_change(kg, [fact], []).removed.tolist() == kg.triples[:1].tolist()
    True
    """
    if not remove and not add:
        raise NieError("Nothing changes; name at least one fact to remove or to add.")
    removed, added = _numbers(kg, remove, there=True), _numbers(kg, add)
    both = among(added, removed)
    if both.any():
        raise NieError(f"{_said(add[int(np.argmax(both))])} is both removed and added; do one of the two.")
    there = among(removed, kg.triples)
    if not there.all():
        place = int(np.argmin(there))
        raise NieError(f"{_said(remove[place])} is not in the graph{_instead(kg, removed[place])}.")
    check_new(kg, added, add.__getitem__)
    return GraphChange(kg, distinct(removed), distinct(added))


def check_new(kg: KnowledgeGraph, added: Ints, named: Callable[[int], NamedFact]) -> None:
    """Refuse facts that are there already.

    Args:
        kg: the graph.
        added: (n, 3) the facts by numbers.
        named: gives the name of one by its place among them.

    Raises:
        NieError: one is there.
    """
    there = among(added, kg.triples)
    if there.any():
        raise NieError(f"{_said(named(int(np.argmax(there))))} is in the graph already.")


def _numbers(kg: KnowledgeGraph, facts: Sequence[NamedFact], *, there: bool = False) -> Ints:
    def found(find: Callable[[KnowledgeGraph, str], int], name: str, at: str) -> int:
        try:
            return find(kg, name)
        except NieError as error:
            raise NieError(f"{at}: {error}" if at else str(error)) from error

    numbers = []
    for head, relation, tail, at in facts:
        ends = found(find_entity, head, at), found(find_entity, tail, at)
        between = _only_one_between(kg, *ends, relation) if there else None
        numbers.append([ends[0], found(find_relation, relation, at) if between is None else between, ends[1]])
    return np.array(numbers, dtype=np.int64).reshape(-1, 3)


def _only_one_between(kg: KnowledgeGraph, head: int, tail: int, words: str) -> int | None:
    """The one relation from head to tail that has the words in its name, if it is one."""
    between = np.unique(kg.etype[(kg.src == head) & (kg.dst == tail)]).tolist()
    named = [relation for relation in between if kg.relation_names[relation] == words]
    inside = whole_words(words.casefold())
    found = named or [one for one in between if inside.search(relation_text(kg.relation_names[one]) or "")]
    return int(found[0]) if len(found) == 1 else None


def _said(fact: NamedFact) -> str:
    names = ", ".join(shown(name) for name in fact[:3])
    return f"{fact.at}: the fact ({names})" if fact.at else f"The fact ({names})"


def _instead(kg: KnowledgeGraph, fact: Ints) -> str:
    """What the graph has between the two nodes of a fact, as a hint."""
    head, _, tail = fact.tolist()
    for source, target, way in ((head, tail, "from the first to the second"), (tail, head, "the other way round")):
        relations = np.unique(kg.etype[(kg.src == source) & (kg.dst == target)]).tolist()
        if relations:
            names = ", ".join(shown(kg.relation_names[relation]) for relation in relations[:3])
            return f"; {way} it has {names}"
    return ""
