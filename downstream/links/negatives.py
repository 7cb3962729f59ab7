"""Corrupted triples to learn from."""

from __future__ import annotations

import torch
from torch import Tensor

from nie.errors import NieError


def head_share(triples: Tensor, num_relations: int) -> Tensor:
    """(R,) how often to corrupt the head rather than the tail of a relation's triples (Wang et al., TransH, AAAI 2014).

    ``tph / (tph + hpt)`` with the tails a head has and the heads a tail has on average: where many tails are true, a
    corrupted tail may well be true, too. A relation without triples has 1/2.

    >>> head_share(torch.tensor([[0, 0, 1], [0, 0, 2], [0, 0, 3]]), 2).tolist()
    [0.75, 0.5]
    """
    counts = torch.bincount(triples[:, 1], minlength=num_relations).float()

    def distinct(columns: list[int]) -> Tensor:
        return (
            torch.bincount(torch.unique(triples[:, columns], dim=0)[:, 0], minlength=num_relations).clamp(min=1).float()
        )

    tails_per_head, heads_per_tail = counts / distinct([1, 0]), counts / distinct([1, 2])
    total = tails_per_head + heads_per_tail
    return torch.where(total > 0, tails_per_head / total.clamp(min=1e-12), 0.5)


def draw_negatives(num_entities: int, count: int, generator: torch.Generator) -> Tensor:
    """(count,) entities that all triples of a batch are compared with, drawn without replacement.

    Shared negatives cost one table of keys a batch instead of one a triple, which is most of the time of training.

    Raises:
        NieError: more than there are, or none.

    >>> len(set(draw_negatives(10, 10, torch.Generator().manual_seed(0)).tolist()))
    10
    """
    if not 1 <= count <= num_entities:
        raise NieError(f"{count} negatives from {num_entities} entities: give a number from 1 to {num_entities}.")
    return torch.randperm(num_entities, generator=generator)[:count]
