"""Relations that a model is tested on without having seen any of their triples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.ranking import filtered_ranks
from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.models.kge import RotatE
from nie.progress import log

MOST_VALID = 2000


def with_held_out_relations(kg: KnowledgeGraph, share: float, seed: int) -> KnowledgeGraph:
    """The graph without the triples of some relations, which are those to test on.

    A share of the relations that have test triples is drawn for testing, and half as many others for validation. Test
    triples are those of the former in the test split; validation triples, of the latter in the validation and training
    splits, at most 2,000 of them.

    Args:
        kg: with ``valid`` and ``test`` triples.
        share: of the relations, in (0, 1/2).
        seed: of the choice.

    Raises:
        NieError: too few relations for the share.
    """
    names = np.unique(kg.held_out["test"][:, 1])
    count = round(share * len(names))
    if count < 2:
        raise NieError(
            f"hold_out_relations {share} of the {len(names)} relations that {kg.name} tests on is fewer than two; give "
            "a larger share, or a graph of more relations."
        )
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(names)
    testing, validating = drawn[:count], drawn[count : count + max(1, count // 2)]
    train, valid, test = kg.triples, kg.held_out["valid"], kg.held_out["test"]
    both = np.concatenate([valid, train])
    choice = both[np.isin(both[:, 1], validating)]
    choice = choice[np.sort(rng.permutation(len(choice))[:MOST_VALID])]
    asked = test[np.isin(test[:, 1], testing)]
    src, etype, dst = train[~np.isin(train[:, 1], [*testing, *validating])].T
    log.info("%s: %d relations with %d triples are tested without training", kg.name, count, len(asked))
    return replace(kg, src=src, etype=etype, dst=dst, held_out={"valid": choice, "test": asked})


def zero_shot_figures(
    model: RotatE, test: Tensor, known: KnownTriples, trained: Tensor, generator: torch.Generator
) -> dict[str, float]:
    """MRR of the same model with rotations that say nothing about the relation, to compare with.

    Args:
        model: whose rotations are made from text.
        test: (n, 3) triples of relations that it has not been trained on.
        known: the triples of all splits.
        trained: (R,) bool, the relations that it has been trained on.
        generator: of random rotations.

    Returns:
        ``mrr, random rotation`` with uniform phases, and ``mrr, mean rotation`` with the circular mean of the trained
        relations' phases for every relation.
    """
    assert model.relations is not None
    phases: Tensor = model.relations()
    turned = torch.polar(torch.ones_like(phases[trained]), phases[trained]).mean(dim=0).angle()
    random = (2 * torch.rand(phases.shape, generator=generator).to(phases) - 1) * torch.pi
    found = {}
    for name, other in (("random", random), ("mean", turned.expand_as(phases))):
        found[f"mrr, {name} rotation"] = filtered_ranks(model.scorer(other), test, known).metrics()["mrr"]
    return found
