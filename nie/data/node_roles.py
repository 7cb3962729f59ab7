"""Kinds of nodes where no relation names them: nodes of one kind have the same relations around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nie.arrays import Bools, Floats, Ints
from nie.data.graph import KnowledgeGraph
from nie.data.names_as_words import name_in

ALIKE = 0.5
"""A set of roles is of the kind of another if it has at least so much of the roles of both in common (Jaccard)."""
COMMON = 0.01
"""A set of roles that so many of the nodes have is no accident."""
MOST_KINDS = 200
"""When there are so many kinds, all further sets of roles join the kind that is most like them."""
ENOUGH_LABELS = 3
"""With so many labels to be expected in a kind, it has none by accident once in twenty times (exp(-3))."""
ROLES_IN_A_NAME = 3
ALONE = "no relation"
"""The kind of nodes without edges."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """The kinds of nodes.

    Attributes:
        of_node: (N,) number of the kind of each node.
        name: of each kind, all different.
    """

    of_node: Ints
    name: list[str]


def kinds_by_roles(kg: KnowledgeGraph, *, without: int | None = None) -> Kinds:
    """Group the nodes by their roles; a role is to be the head, or the tail, of any triple of a relation.

    Each set of roles that occurs either begins a kind or joins one: if it has at least half of the roles of both in
    common with the set that began the kind (Jaccard), or if it is a part of that set, as it is for a node of which
    little is known. Sets that one node in a hundred has come first, the larger ones before the smaller ones; then those
    that stand for most edges. So a paper without citations is of one kind with papers, and its author is not. Kinds of
    so few nodes that they may have no label by accident then join the larger kind that is most like them, if they have
    any role in common: where relations are many, few nodes have quite the same. Labels play no other part. A relation
    that is the reverse of an earlier one, edge for edge, says nothing new and is left out.

    Args:
        kg: the graph; its edges, the names of relations, and which nodes have a label.
        without: a relation whose heads have no role in it.

    >>> names = ["paper 1", "paper 2", "paper 3", "Ann", "Bob"]
    >>> kg = KnowledgeGraph("papers", [0, 1, 0, 1, 2], [1, 0, 3, 3, 4], [0, 0, 1, 1, 1], 5 * [0.0], 5 * [False], names,
    ...                     ["cites", "written by"], 5 * [None])
    >>> kinds = kinds_by_roles(kg)
    >>> kinds.of_node.tolist(), kinds.name
    ([0, 0, 0, 1, 1], ['head of written by, cites; tail of cites', 'tail of written by'])
    """
    sets, set_of_node = _role_sets(kg, without)
    counts = np.bincount(set_of_node, minlength=len(sets))
    kind_of_set = np.empty(len(sets), dtype=np.int64)
    begun: list[tuple[int, ...]] = []
    size = np.zeros(MOST_KINDS)
    has = np.zeros((2 * kg.num_relations, MOST_KINDS), dtype=bool)
    for number in _in_order(sets, counts):
        own = sets[number]
        alike = _likeness(own, has[:, : len(begun)], size[: len(begun)])
        nearest = int(alike.argmax()) if len(alike) else -1
        if len(begun) < MOST_KINDS and (nearest < 0 or alike[nearest] < ALIKE):
            nearest = len(begun)
            begun.append(own)
            has[list(own), nearest], size[nearest] = True, len(own)
        kind_of_set[number] = nearest
    nodes = np.bincount(kind_of_set[set_of_node], minlength=len(begun))
    labelled = np.bincount(kind_of_set[set_of_node[kg.label_mask]], minlength=len(begun))
    joined = _joined(begun, nodes, labelled, has, size)
    kept, kind_of_set = np.unique(joined[kind_of_set], return_inverse=True)
    begun = [begun[kind] for kind in kept.tolist()]
    bearers = np.zeros((len(begun), 2 * kg.num_relations))  # how many nodes of each kind have each role
    for own, kind, count in zip(sets, kind_of_set, counts, strict=True):
        bearers[kind, list(own)] += count
    return Kinds(kind_of_set[set_of_node], _names(begun, bearers, kg.relation_names))


def _joined(begun: Sequence[tuple[int, ...]], nodes: Ints, labelled: Ints, has: Bools, size: Floats) -> Ints:
    """For each kind the one that it joins: itself, or for one of few nodes the larger one that is most like it."""
    joined = np.arange(len(begun))
    expected = nodes * labelled.sum() / max(nodes[labelled > 0].sum(), 1)  # labels, if the kind has as many as others
    large = np.flatnonzero(expected >= ENOUGH_LABELS)
    for kind in np.flatnonzero(expected < ENOUGH_LABELS).tolist():
        shared = has[list(begun[kind])][:, large].sum(axis=0)
        if shared.any():
            joined[kind] = large[(shared / (len(begun[kind]) + size[large] - shared)).argmax()]
    return joined


def _likeness(own: tuple[int, ...], has: Bools, size: Floats) -> Floats:
    """How much a set of roles is like those that began a kind; a part of such a set is `ALIKE` at least."""
    if not own:
        return np.where(size == 0, 1.0, 0.0)
    shared = has[list(own)].sum(axis=0)
    jaccard = shared / (len(own) + size - shared)
    return np.asarray(np.where(shared == len(own), np.maximum(jaccard, ALIKE), jaccard))


def _in_order(sets: Sequence[tuple[int, ...]], counts: Ints) -> list[int]:
    """Sets that are common, the largest first, and then the others, first those that stand for most roles."""
    common = counts >= max(COMMON * counts.sum(), 2)

    def key(number: int) -> tuple[bool, bool, int, int, tuple[int, ...]]:
        own, count = sets[number], int(counts[number])
        weight = len(own) if common[number] else len(own) * count
        return bool(own), not common[number], -weight, -count, own  # the empty set first, so that it is a kind

    return sorted(range(len(sets)), key=key)


def _role_sets(kg: KnowledgeGraph, without: int | None) -> tuple[list[tuple[int, ...]], Ints]:
    """The sets of roles that occur, and the number of each node's set.

    Role r is to be a head of relation r, and role R + r to be a tail of it.
    """
    roles = 2 * max(kg.num_relations, 1)
    told = ~np.isin(kg.etype, sorted(_reverses(kg)))
    heads = told if without is None else told & (kg.etype != without)
    pairs = np.sort(np.concatenate([
        kg.src[heads] * roles + kg.etype[heads], kg.dst[told] * roles + kg.etype[told] + kg.num_relations
    ]))  # fmt: skip
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # several times as fast as np.unique
    ends = np.searchsorted(pairs // roles, np.arange(kg.num_nodes), side="right").tolist()
    listed, numbers = (pairs % roles).tolist(), dict[tuple[int, ...], int]()
    starts = [0, *ends][:-1]
    own = (tuple(listed[start:end]) for start, end in zip(starts, ends, strict=True))
    set_of_node = np.array([numbers.setdefault(roles, len(numbers)) for roles in own], dtype=np.int64)
    return list(numbers), set_of_node


def _reverses(kg: KnowledgeGraph) -> set[int]:
    """The relations whose edges are those of an earlier relation the other way round."""
    forward, backward = kg.src * kg.num_nodes + kg.dst, kg.dst * kg.num_nodes + kg.src
    order = np.argsort(kg.etype, kind="stable")
    starts = np.searchsorted(kg.etype[order], np.arange(1, kg.num_relations))
    earlier, found = set[bytes](), set[int]()
    for relation, edges in enumerate(np.split(order, starts)):
        if np.sort(backward[edges]).tobytes() in earlier:
            found.add(relation)
        earlier.add(np.sort(forward[edges]).tobytes())
    return found


def _names(begun: Sequence[tuple[int, ...]], bearers: Floats, relation_names: Sequence[str]) -> list[str]:
    """A name for each kind: the roles that most of its nodes have and few others; more roles where two would be equal.

    Args:
        begun: the set of roles that began each kind.
        bearers: (kinds, 2R) how many nodes of each kind have each role.
        relation_names: R names.
    """
    words = [_words(name) for name in relation_names]
    telling = bearers**2 / np.maximum(bearers.sum(axis=0), 1)  # precision times recall, but for a factor of the kind
    names: dict[str, None] = {}
    for own, tells in zip(begun, telling, strict=True):
        roles = [role for role in np.argsort(-tells, kind="stable").tolist() if role in own]
        count = ROLES_IN_A_NAME
        while (name := _name(roles[:count], words)) in names and count < len(own):
            count += 1
        names[name if name not in names else f"{name} ({len(names)})"] = None  # relations of equal words
    return list(names)


def _name(roles: Sequence[int], words: Sequence[str]) -> str:
    """Roles in words, such as "head of cites; tail of cites, about"."""
    heads = [words[role] for role in roles if role < len(words)]
    tails = [words[role - len(words)] for role in roles if role >= len(words)]
    parts = [f"{end} of {', '.join(found)}" for end, found in (("head", heads), ("tail", tails)) if found]
    return "; ".join(parts) or ALONE


def _words(relation: str) -> str:
    """The last part of an IRI, or of a path as Freebase has them; any other name as it is."""
    if "://" in relation or relation.startswith("/"):
        return name_in(relation) or relation
    return relation
