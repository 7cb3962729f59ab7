"""Which triples are held out to validate and to test on, of a graph that brings no splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.progress import log

SPLITS = ("valid", "test")


def with_held_out(kg: KnowledgeGraph, share: float, seed: int, valid_at_least: int = 0) -> KnowledgeGraph:
    """The graph with its own splits or, where it has none, with a share of its distinct triples in each.

    Triples are taken at random from those whose head, tail and relation still stand in another training triple, so
    that nothing is asked of a model that it cannot have learned.

    Args:
        kg: the graph.
        share: of the triples, for ``valid`` and for ``test`` of a graph that brings no splits, between 0 and 1/2.
        seed: of the choice.
        valid_at_least: triples to validate on; those that the split lacks are taken from training.

    Raises:
        NieError: one of the splits that the graph brings is empty, or it is too small to hold so many out.

    Example:
        >>> from nie.data.synthetic_graph import synthetic
        >>> split = with_held_out(synthetic(0), 0.05, 0)
        >>> split.num_edges, len(split.held_out["valid"]), len(split.held_out["test"])
        (1606, 89, 89)
        >>> more = with_held_out(split, 0.05, 0, valid_at_least=100)
        >>> more.num_edges, len(more.held_out["valid"])
        (1595, 100)
    """
    if kg.held_out:
        for name in SPLITS:
            if not len(kg.held_out.get(name, ())):
                raise NieError(f"The graph {kg.name} has no {name} triples, so nothing can be predicted on them.")
    else:
        kg = _distinct(kg)  # a repeated triple might be in two splits
        wanted = round(share * kg.num_edges)
        if not wanted:
            raise NieError(
                f"hold_out {share} of {kg.num_edges} triples holds none of {kg.name} out; give a larger share."
            )
        chosen = _spare(kg, 2 * wanted, seed)
        if len(chosen) < 2:
            raise NieError(
                f"The graph {kg.name} is too small to hold triples out, as the head, tail and relation of each must be "
                "in another training triple; give a larger graph."
            )
        kg = _hold_out(kg, {"valid": chosen[::2], "test": chosen[1::2]})
        valid, test = (len(kg.held_out[name]) for name in SPLITS)
        log.info("%s: %d triples are held out to validate on and %d to test on", kg.name, valid, test)
    missing = valid_at_least - len(kg.held_out["valid"])
    if missing > 0:
        kg = _distinct(kg)
        chosen = _spare(kg, missing, seed)
        if len(chosen) < missing:
            raise NieError(
                f"The graph {kg.name} can spare {len(chosen)} training triples to validate on, and valid_at_least "
                f"{valid_at_least} asks for {missing}; ask for fewer."
            )
        log.info(
            "%s: %d training triples are held out to validate on, besides %d",
            kg.name,
            missing,
            len(kg.held_out["valid"]),
        )
        kg = _hold_out(kg, {"valid": chosen})
    return kg


def _distinct(kg: KnowledgeGraph) -> KnowledgeGraph:
    first = np.unique(kg.triples, axis=0, return_index=True)[1]
    src, etype, dst = kg.triples[np.sort(first)].T
    return replace(kg, src=src, etype=etype, dst=dst, edge_dates=None)


def _spare(kg: KnowledgeGraph, wanted: int, seed: int) -> list[int]:
    """Rows of training triples, at most so many, without which every entity and relation keeps one."""
    triples, chosen = kg.triples, list[int]()
    entities = np.bincount(triples[:, [0, 2]].ravel(), minlength=kg.num_nodes)
    relations = np.bincount(triples[:, 1], minlength=kg.num_relations)
    for row in np.random.default_rng(seed).permutation(len(triples)):
        if len(chosen) == wanted:
            break
        head, relation, tail = triples[row]
        if relations[relation] > 1 and entities[head] > 1 + (head == tail) and entities[tail] > 1 + (head == tail):
            chosen.append(row)
            relations[relation] -= 1
            entities[head] -= 1
            entities[tail] -= 1
    return chosen


def _hold_out(kg: KnowledgeGraph, rows: Mapping[str, Sequence[int]]) -> KnowledgeGraph:
    """The graph with training triples moved to splits."""
    held_out = dict(kg.held_out)
    for name, chosen in rows.items():
        moved = kg.triples[np.sort(np.asarray(chosen, dtype=np.int64))]
        held_out[name] = np.concatenate([held_out[name], moved]) if name in held_out else moved
    src, etype, dst = np.delete(kg.triples, np.concatenate(list(rows.values())), axis=0).T
    return replace(kg, src=src, etype=etype, dst=dst, edge_dates=None, held_out=held_out)
