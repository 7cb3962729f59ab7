"""Which relations a model is tested on without having seen any of their triples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.progress import log

MOST_VALID = 2000


def with_held_out_relations(kg: KnowledgeGraph, share: float, seed: int) -> KnowledgeGraph:
    """The graph without the triples of some relations, on which it is then tested.

    A share of the relations that have test triples is drawn for testing, and half as many others for validation. Test
    triples are those of the former in the test split; validation triples, of the latter in the validation and training
    splits, at most 2,000 of them.

    Args:
        kg: with ``valid`` and ``test`` triples.
        share: of the relations, in (0, 1/2).
        seed: of the choice.

    Raises:
        NieError: too few relations for the share, or those drawn for validation have no triples for it.
    """
    names = np.unique(kg.held_out["test"][:, 1])
    count = round(share * len(names))
    if count < 2:
        raise NieError(
            f"hold_out_relations {share} leaves fewer than two of the {len(names)} relations of {kg.name} that have "
            "test triples; give a larger share, or a graph of more relations."
        )
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(names)
    testing, validating = drawn[:count], drawn[count : count + max(1, count // 2)]
    train, valid, test = kg.triples, kg.held_out["valid"], kg.held_out["test"]
    both = np.concatenate([valid, train])
    choice = both[np.isin(both[:, 1], validating)]
    choice = choice[np.sort(rng.permutation(len(choice))[:MOST_VALID])]
    if not len(choice):
        raise NieError(
            f"hold_out_relations {share} draws for validation only relations of {kg.name} that have test triples "
            "alone; give another share or seed."
        )
    asked = test[np.isin(test[:, 1], testing)]
    src, etype, dst = train[~np.isin(train[:, 1], [*testing, *validating])].T
    log.info("%s: %d relations with %d triples are tested without training", kg.name, count, len(asked))
    return replace(kg, src=src, etype=etype, dst=dst, edge_dates=None, held_out={"valid": choice, "test": asked})
