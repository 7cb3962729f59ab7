"""From the logits of a head to the probability of every tier of importance, and the mean label of a tier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from downstream.metrics.tiers import SHARES


def ordinal_probabilities(logits: Tensor) -> Tensor:
    """(n, C) probability of every tier from the C - 1 answers of `ordinal_loss`, which are made to ascend first.

    >>> ordinal_probabilities(torch.tensor([[0.0, 100.0]])).tolist()
    [[0.5, 0.5, 0.0]]
    """
    above = logits.sigmoid().cummax(dim=1).values
    ends = above.new_zeros(len(above), 1), above.new_ones(len(above), 1)
    return torch.cat([above, ends[1]], dim=1) - torch.cat([ends[0], above], dim=1)


def tier_means(labels: Tensor, target: Tensor, num_tiers: int) -> Tensor:
    """(C,) mean label of every tier.

    >>> tier_means(torch.tensor([9.0, 1.0, 3.0]), torch.tensor([0, 1, 1]), 2).tolist()
    [9.0, 2.0]
    """
    return torch.stack([labels[target == tier].mean() for tier in range(num_tiers)])


def tier_probabilities(logits: Tensor, *, ordinal: bool) -> Tensor:
    """(n, C) probability of every tier, from (n, C) logits or from the (n, C - 1) answers of an ordinal head."""
    return ordinal_probabilities(logits) if ordinal else logits.softmax(dim=1)


def num_logits(*, ordinal: bool, shares: Sequence[float] = SHARES) -> int:
    """Outputs of a head for tiers: one for each tier, or in an ordinal head one for each border between tiers.

    >>> num_logits(ordinal=False), num_logits(ordinal=True)
    (4, 3)
    """
    return len(shares) + (not ordinal)
