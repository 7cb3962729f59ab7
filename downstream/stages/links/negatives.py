"""Corrupted triples to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from downstream.stages.links.known_triples import KnownTriples
from nie.errors import NieError

ROUNDS = 8


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


def draw_negatives(entities: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(count,) of ``entities``, drawn without replacement, that all triples of a batch are compared with.

    Shared negatives cost one table of keys for a batch instead of one for each triple.

    Raises:
        NieError: more than there are, or none.

    >>> sorted(draw_negatives(torch.tensor([3, 5, 8]), 3, torch.Generator().manual_seed(0)).tolist())
    [3, 5, 8]
    """
    if not 1 <= count <= len(entities):
        raise NieError(
            f"negatives.count must be between 1 and {len(entities)}, the entities to draw from; got {count}."
        )
    return entities[torch.randperm(len(entities), generator=generator)[:count]]


@dataclass(frozen=True)
class Corrupted:
    """Triples with one end replaced, K times each.

    Attributes:
        at_head: (B,) bool, True where the head is replaced, False where the tail is.
        entities: (B, K), what it is replaced with.
        false: (B, K) bool, True where the result is a known triple all the same.
    """

    at_head: Tensor
    entities: Tensor
    false: Tensor


def corrupt(
    triples: Tensor, count: int, *, entities: Tensor, share: Tensor, known: KnownTriples, generator: torch.Generator
) -> Corrupted:
    """Replace the head or the tail of every triple by entities drawn for it alone, with replacement.

    Where that makes a known triple, it is drawn again, up to 8 times; what is left then is marked.

    Args:
        triples: (B, 3).
        count: K.
        entities: those to draw from.
        share: (R,) probability that the head is replaced, of `head_share`, or 1/2 for uniform corruption.
        known: the triples that are no corruption.
        generator: of the draws.

    Raises:
        NieError: a count below 1.

    Example:
        >>> import numpy as np
        >>> known = KnownTriples(np.array([[0, 0, 1], [0, 0, 2]]), num_entities=4, num_relations=1)
        >>> drawn = corrupt(
        ...     torch.tensor([[0, 0, 1]]), 5, entities=torch.arange(4), share=torch.zeros(1), known=known,
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        >>> set(drawn.entities[0].tolist()) <= {0, 3}, drawn.at_head.tolist()
        (True, [False])
    """
    if count < 1:
        raise NieError(f"A triple must have at least 1 negative; got {count}.")
    at_head = torch.rand(len(triples), generator=generator) < share[triples[:, 1]]
    drawn = entities[torch.randint(len(entities), (len(triples), count), generator=generator)]
    column = torch.where(at_head, 0, 2)[:, None].expand(-1, count).reshape(-1, 1)
    repeated = triples.repeat_interleave(count, dim=0)
    flat, open_rows = drawn.view(-1), torch.arange(drawn.numel())
    for round_ in range(ROUNDS):
        made = repeated[open_rows].scatter(1, column[open_rows], flat[open_rows, None])
        open_rows = open_rows[known.contains(made)]
        if len(open_rows) == 0 or round_ == ROUNDS - 1:
            break
        flat[open_rows] = entities[torch.randint(len(entities), (len(open_rows),), generator=generator)]
    false = torch.zeros(drawn.numel(), dtype=torch.bool)
    false[open_rows] = True
    return Corrupted(at_head, drawn, false.view_as(drawn))
