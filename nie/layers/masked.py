"""Channels of nodes, some of which are missing: tokens (N, M, H) with a mask (N, M)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nie.errors import NieError


@dataclass(frozen=True)
class Fused:
    """The result of a fusion.

    Attributes:
        vector: (N, H), one vector for each node.
        weights: (N, M), how much each channel counts, 0 for a missing one; None where a fusion has no weights.
        tokens: (N, M, H), the channels' vectors after the fusion, 0 for a missing one.
    """

    vector: Tensor
    weights: Tensor | None
    tokens: Tensor

    @classmethod
    def weighted(cls, weights: Tensor, tokens: Tensor) -> Fused:
        """The mean of the tokens (N, M, H) by the weights (N, M)."""
        return cls((weights[..., None] * tokens).sum(dim=1), weights, tokens)

    @classmethod
    def joined(cls, parts: Sequence[Fused]) -> Fused:
        """The results of a fusion of some nodes after those of others."""
        if len(parts) == 1:
            return parts[0]
        weights = [part.weights for part in parts if part.weights is not None]
        vector, tokens = (torch.cat([getattr(part, name) for part in parts]) for name in ("vector", "tokens"))
        return cls(vector, torch.cat(weights) if weights else None, tokens)


def masked_softmax(score: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last dimension of ``score`` among the places where ``mask`` is True; 0 elsewhere.

    A row whose mask hides everything is 0, and no gradient of it is nan.

    >>> masked_softmax(torch.zeros(2, 3), torch.tensor([[True, True, False], [False, False, False]])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    hidden = score.masked_fill(~mask, torch.finfo(score.dtype).min)
    return torch.softmax(hidden, dim=-1).masked_fill(~mask, 0.0)


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean (N, H) of the channels that each node has; 0 for a node that has none.

    >>> mask = torch.tensor([[True, True], [True, False]])
    >>> masked_mean(torch.tensor([[[1.0], [3.0]], [[5.0], [9.0]]]), mask).tolist()
    [[2.0], [5.0]]
    """
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return hide(tokens, mask).sum(dim=1) / count


def hide(tokens: Tensor, mask: Tensor) -> Tensor:
    """The tokens with 0 where a channel is missing, whatever stood there, nan included."""
    return tokens.masked_fill(~mask[..., None], 0.0)


def check_tokens(tokens: Tensor, mask: Tensor, size: int, num_channels: int, logvar: Tensor | None) -> None:
    """Raise unless the shapes fit."""
    if tokens.dim() != 3 or tokens.shape[1:] != (num_channels, size):
        raise NieError(f"tokens must have the shape (N, {num_channels}, {size}); got {tuple(tokens.shape)}.")
    if mask.shape != tokens.shape[:2] or mask.dtype != torch.bool:
        shape = tuple(tokens.shape[:2])
        raise NieError(f"mask must be bool of shape {shape}; got {mask.dtype} of {tuple(mask.shape)}.")
    if logvar is not None and logvar.shape != tokens.shape:
        raise NieError(f"logvar must have the shape of tokens, {tuple(tokens.shape)}; got {tuple(logvar.shape)}.")
