"""Figures of relations that a model is tested on without having seen any of their triples."""

from __future__ import annotations

import torch
from torch import Tensor

from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.ranking import filtered_ranks
from nie.models.kge import RotatE


def zero_shot_figures(
    model: RotatE, test: Tensor, known: KnownTriples, trained: Tensor, generator: torch.Generator
) -> dict[str, float]:
    """MRR of the model with rotations that say nothing about the relation, to compare its own with.

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
