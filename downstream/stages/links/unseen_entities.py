"""After training: a place for the entities that no training triple names."""

from __future__ import annotations

import torch
from torch import Tensor

from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.settings import UnseenConfig
from nie.errors import NieError
from nie.models.kge import RotatE
from nie.models.kge.likeness import placed_by_likeness
from nie.models.kge.rotation import SIDES, Scorer
from nie.progress import log

QUERIES, HIGHEST, CHUNK = 1000, 20, 256


@torch.no_grad()
def place_unseen(model: RotatE, inputs: LinkInputs, config: UnseenConfig, generator: torch.Generator) -> None:
    """Place the entities that no training triple names by the likeness of their features, and rank them fairly.

    An entity placed in the middle of others is near to many queries, and would rank before their true answers. The
    correction for hubs of CSLS (Conneau et al., ICLR 2018, section 2.3) prevents that: take the mean of an entity's
    highest scores over a sample of training queries that it does not answer. By as much as this is above that of the
    median trained entity, all scores of the placed entity are lowered. Trained entities keep vectors and scores.

    Args:
        model: trained, with ``handicap``; changed in place.
        inputs: of the run, with the features.
        config: how many neighbours, and their temperature.
        generator: of the sample of queries.
    """
    assert inputs.likeness is not None
    assert model.handicap is not None
    trained = inputs.masks["structural"]
    near, placed = _with_features(inputs)
    if not placed.any():
        log.info("%s: no entity is to be placed", inputs.kg.name)
        return
    vectors = placed_by_likeness(
        model.entities, inputs.likeness, near, placed, neighbours=config.neighbours, temperature=config.temperature
    )
    model.entities.copy_(vectors)
    model.handicap.zero_()
    rows = torch.randperm(len(inputs.train), generator=generator)[:QUERIES].to(inputs.train.device)
    highest = highest_scores(model.scorer(), inputs.train[rows], inputs.seen)
    model.handicap[placed] = (highest - highest[trained].median())[placed]
    log.info("%s: %d entities are placed by likeness", inputs.kg.name, int(placed.sum()))


def check_unseen(inputs: LinkInputs, config: UnseenConfig) -> None:
    """Refuse, before anything is trained, entities that cannot be placed after it.

    Raises:
        NieError: there are such, and no entity that a training triple names has the features.
    """
    near, placed = _with_features(inputs)
    if placed.any() and not near.any():
        raise NieError(
            f"No entity that a training triple names has the features {config.features} of --unseen.features, so that "
            f"the {int(placed.sum())} others that have them cannot be placed by likeness; take other features."
        )


def _with_features(inputs: LinkInputs) -> tuple[Tensor, Tensor]:
    """(N,) bool twice: the entities with the features that a training triple names, and those that none names."""
    trained, known = inputs.masks["structural"], inputs.masks["likeness"]
    return trained & known, ~trained & known


def highest_scores(score: Scorer, triples: Tensor, known: KnownTriples) -> Tensor:
    """(N,) mean of the 20 highest scores of each entity at either end of those ``triples`` that it does not answer."""
    kept: Tensor | None = None
    for side in SIDES:
        for part in torch.split(triples, CHUNK):
            scores = score(part, side).masked_fill(known.mask(part, side), -torch.inf)
            both = scores if kept is None else torch.cat([kept, scores])
            kept = both.topk(min(HIGHEST, len(both)), dim=0).values
    assert kept is not None
    there = kept.isfinite()
    return kept.where(there, 0.0).sum(dim=0) / there.sum(dim=0).clamp(min=1)
