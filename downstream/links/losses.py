"""Losses of link prediction."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nie.errors import NieError


def self_adversarial_loss(
    positive: Tensor, negative: Tensor, false: Tensor | None = None, *, temperature: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    r"""Negative sampling in which a model's own opinion says which negatives matter (Sun et al., ICLR 2019, eq. 6).

    .. math:: -\tfrac12 \log \sigma(s^+) - \tfrac12 \sum_k p_k \log \sigma(-s^-_k), \quad
              p = \mathrm{softmax}(\alpha s^-)

    mean over the triples; no gradient flows through p.

    Args:
        positive: (B,) scores of true triples.
        negative: (B, K) scores of corrupted ones.
        false: (B, K) bool, corrupted ones that are true all the same, which are left out.
        temperature: alpha, at least 0; 0 weighs negatives alike.
        weight: (B,) of the triples, by default equal.

    Returns:
        () tensor.

    Raises:
        NieError: shapes that do not fit, no negative, or a negative temperature.

    Example:
        >>> round(self_adversarial_loss(torch.zeros(2), torch.zeros(2, 3)).item(), 4)
        0.6931
    """
    if negative.dim() != 2 or positive.shape != negative.shape[:1] or negative.shape[1] == 0:
        raise NieError(
            f"positive has shape {tuple(positive.shape)} and negative {tuple(negative.shape)}; (B,) and (B, K)."
        )
    if temperature < 0:
        raise NieError(f"temperature is {temperature}; it is at least 0.")
    drawn = negative.detach() * temperature
    if false is not None:
        drawn = drawn.masked_fill(false, torch.finfo(drawn.dtype).min)
    share = drawn.softmax(dim=1)
    if false is not None:
        share = share.masked_fill(false, 0.0)
    each = -(F.logsigmoid(positive) + (share * F.logsigmoid(-negative)).sum(dim=1)) / 2
    return each.mean() if weight is None else (each * weight).sum() / weight.sum()
