"""Which triples of a graph are held out to validate and to test on, where it does not say so itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.progress import log

SPLITS = ("valid", "test")


def with_held_out(kg: KnowledgeGraph, share: float, seed: int) -> KnowledgeGraph:
    """The graph itself where it holds triples out; otherwise its distinct triples, a share of them in each split.

    Triples are taken at random from those whose head, tail and relation still stand in another training triple, so
    that nothing is asked of a model that it cannot have learned.

    Args:
        kg: the graph.
        share: of the triples, for ``valid`` and for ``test``, between 0 and 1/2.
        seed: of the choice.

    Raises:
        NieError: one of the splits that the graph brings is empty, or it is too small to hold anything out.

    Example:
        >>> from nie.data.synthetic import synthetic
        >>> parts = with_held_out(synthetic(0), 0.05, 0)
        >>> parts.num_edges, len(parts.held_out["valid"]), len(parts.held_out["test"])
        (1606, 89, 89)
    """
    if kg.held_out:
        for name in SPLITS:
            if not len(kg.held_out.get(name, ())):
                raise NieError(f"The graph {kg.name} has no {name} triples, so nothing can be predicted on them.")
        return kg
    first = np.unique(kg.triples, axis=0, return_index=True)[1]
    triples = kg.triples[np.sort(first)]  # a triple that stands there twice would be in two splits
    chosen: list[int] = []
    wanted = round(share * len(triples))
    entities = np.bincount(triples[:, [0, 2]].ravel(), minlength=kg.num_nodes)
    relations = np.bincount(triples[:, 1], minlength=kg.num_relations)
    for row in np.random.default_rng(seed).permutation(len(triples)):
        if len(chosen) == 2 * wanted:
            break
        head, relation, tail = triples[row]
        if relations[relation] > 1 and entities[head] > 1 + (head == tail) and entities[tail] > 1 + (head == tail):
            chosen.append(row)
            relations[relation] -= 1
            entities[head] -= 1
            entities[tail] -= 1
    valid, test = (triples[np.array(sorted(rows), dtype=np.int64)] for rows in (chosen[::2], chosen[1::2]))
    if not len(valid) or not len(test):
        raise NieError(
            f"The graph {kg.name} has too few triples to hold any out that the others prepare for; give a larger graph."
        )
    log.info("%s: %d triples are held out to validate on and %d to test on", kg.name, len(valid), len(test))
    src, etype, dst = np.delete(triples, chosen, axis=0).T
    return replace(kg, src=src, etype=etype, dst=dst, held_out={"valid": valid, "test": test})
