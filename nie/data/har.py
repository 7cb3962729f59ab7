"""HAR: hub, authority and relevance scores in a graph with typed edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nie.arrays import Floats, Ints
from nie.data.graph import KnowledgeGraph
from nie.errors import NieError

RESTART = 0.15
"""Probability with which the walks over nodes restart, unless it is said."""


class HARScores(NamedTuple):
    """Three distributions.

    Attributes:
        hub: (N,) of nodes, how much they point along relevant relations to authorities; sums to 1.
        authority: (N,) of nodes, how much hubs point to them along relevant relations; sums to 1.
        relevance: (R,) of relations, how much they lead from hubs to authorities; sums to 1.
    """

    hub: Floats
    authority: Floats
    relevance: Floats


def har_scores(
    kg: KnowledgeGraph, *, query: Floats | None = None, restart: float = RESTART, restart_relations: float = 0.0,
    tol: float = 1e-10, max_iterations: int = 1000,
) -> HARScores:  # fmt: skip
    """Hub, authority and relevance scores (Li, Ng and Ye, SDM 2012).

    With t(h, a, r) the number of edges from h to a of relation r, three random walks read each other::

        hub(h)       <- (1 - restart) sum_{a, r} t(h, a, r) / t(., a, r) authority(a) relevance(r) + restart query(h)
        authority(a) <- (1 - restart) sum_{h, r} t(h, a, r) / t(h, ., r) hub(h) relevance(r)       + restart query(a)
        relevance(r) <- (1 - restart_relations) sum_{h, a} t(h, a, r) / t(h, a, .) hub(h) authority(a)
                        + restart_relations / R

    where a dot is the sum over that place. Where such a sum is 0, the walk goes anywhere: to every node, or relation,
    alike. An iteration takes three passes over the edges; the tensor is never made.

    Args:
        kg: the graph; ``num_nodes``, ``num_relations``, ``src``, ``dst`` and ``etype`` are read.
        query: (N,) weights >= 0, not all zero, of where walks over nodes restart; uniform by default.
        restart: probability of restarting, of hubs and authorities, in [0, 1).
        restart_relations: the same of relations, which restart at any of them.
        tol: stops when the absolute changes of all three sum to less.
        max_iterations: at most so many.

    Raises:
        NieError: a probability or weights out of range, or no convergence.

    Example:
        >>> from types import SimpleNamespace
        >>> star = SimpleNamespace(
        ...     num_nodes=3, num_relations=1, src=np.array([0, 1]), dst=np.array([2, 2]), etype=np.array([0, 0]))
        >>> scores = har_scores(star)
        >>> int(scores.authority.argmax()), bool(scores.hub[0] == scores.hub[1]), scores.relevance.tolist()
        (2, True, [1.0])
    """
    for name, value in (("restart", restart), ("restart_relations", restart_relations)):
        if not 0 <= value < 1:
            raise NieError(f"{name} must be in [0, 1); got {value}.")
    nodes, relations = kg.num_nodes, kg.num_relations
    start = np.ones(nodes) if query is None else np.asarray(query, dtype=np.float64)
    if start.shape != (nodes,) or not np.isfinite(start).all() or start.min() < 0 or start.sum() == 0:
        raise NieError(f"query must hold a weight of at least 0 for each of {nodes} nodes, and one above 0.")
    start = start / start.sum()
    anywhere = np.full(relations, 1 / max(relations, 1))
    to_head = 1 / _alike(kg.dst, kg.etype, relations)
    to_tail = 1 / _alike(kg.src, kg.etype, relations)
    to_relation = 1 / _alike(kg.src, kg.dst, nodes)
    hub, authority, relevance = start, start, anywhere
    for _ in range(max_iterations):
        before = hub, authority, relevance
        walked = _arrived(kg.src, to_head * authority[kg.dst] * relevance[kg.etype], nodes)
        hub = (1 - restart) * walked + restart * start
        walked = _arrived(kg.dst, to_tail * hub[kg.src] * relevance[kg.etype], nodes)
        authority = (1 - restart) * walked + restart * start
        walked = _arrived(kg.etype, to_relation * hub[kg.src] * authority[kg.dst], relations)
        relevance = (1 - restart_relations) * walked + restart_relations * anywhere
        after = hub, authority, relevance
        if sum(np.abs(new - old).sum() for new, old in zip(after, before, strict=True)) < tol:
            return HARScores(*after)
    raise NieError(
        f"HAR did not converge in {max_iterations} iterations; use a restart above {restart} or a larger tol."
    )


def _alike(ends: Ints, others: Ints, num_others: int) -> Floats:
    """(E,) the number of edges that have the same values at two of their three places."""
    _, pair, counts = np.unique(ends * max(num_others, 1) + others, return_inverse=True, return_counts=True)
    found: Floats = counts[pair].astype(np.float64)
    return found


def _arrived(places: Ints, mass: Floats, count: int) -> Floats:
    """(count,) what walks along the edges bring to each place; what finds no edge goes to all places alike."""
    walked = np.bincount(places, mass, minlength=count).astype(np.float64)
    arrived: Floats = walked + max(1 - walked.sum(), 0.0) / max(count, 1)
    if count:
        arrived /= arrived.sum()  # a sum that is off by rounding would grow with every iteration
    return arrived
