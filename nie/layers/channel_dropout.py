"""Dropout of whole channels, so that a model learns to do without any of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.ops.shapes import expect_sizes


class ChannelDropout(nn.Module):
    """Hide channels of nodes at random in training, before they are fused; a node keeps one of those it has.

    Every channel that a node has is hidden with probability p; where that would hide all, one of them, chosen at
    random, stays. The probability grows linearly from 0 to p over the first ``warmup`` calls in training, of which
    training on the full graph makes one in each epoch. The number of calls is kept with the weights, so that a run
    that is continued goes on where it was.

    In stages, a model is trained on one channel first: in the first ``first_calls`` calls all others are hidden of the
    nodes that have it, and nothing is drawn.

    Args:
        p: probability, in [0, 1].
        warmup: calls until it is reached.
        first: place of the channel that is trained first.
        first_calls: calls in which it is alone.

    Raises:
        NieError: p outside [0, 1], or a negative number of calls.

    Example:
        >>> drop = ChannelDropout(1.0)
        >>> drop(torch.ones(4, 3, dtype=torch.bool)).sum(1).tolist()
        [1, 1, 1, 1]
    """

    calls: Tensor

    def __init__(self, p: float, *, warmup: int = 0, first: int = 0, first_calls: int = 0) -> None:
        super().__init__()
        expect_sizes(0, warmup=warmup, first=first, first_calls=first_calls)
        if not 0 <= p <= 1:
            raise NieError(f"p must lie in [0, 1]; got {p}.")
        self.p, self.warmup, self.first, self.first_calls = p, warmup, first, first_calls
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def reset_parameters(self) -> None:
        """Start the first stage and the warm-up again."""
        self.calls.zero_()

    def forward(self, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the mask (N, M) with fewer channels in training, and ``mask`` itself otherwise.

        Args:
            mask: (N, M) bool, the channels that a node has.
            generator: where the randomness comes from; by default torch's own.
        """
        if not self.training or (self.p == 0 and self.first_calls == 0):
            return mask
        calls = int(self.calls)
        self.calls += 1
        if calls < self.first_calls:
            alone = torch.zeros_like(mask)
            alone[:, self.first] = mask[:, self.first]
            return torch.where(alone.any(dim=1, keepdim=True), alone, mask)
        if self.p == 0:
            return mask
        grown = min(1.0, calls / self.warmup) if self.warmup else 1.0
        draw = torch.rand(mask.shape, generator=generator, device=mask.device).masked_fill(~mask, -1.0)
        kept = mask & (draw >= self.p * grown)
        # Of channels that would all be hidden, the one whose draw came nearest to staying stays.
        last = torch.zeros_like(mask).scatter(1, draw.argmax(dim=1, keepdim=True), True) & mask
        return torch.where(kept.any(dim=1, keepdim=True), kept, last)

    def extra_repr(self) -> str:
        stages = f", first={self.first}, first_calls={self.first_calls}" if self.first_calls else ""
        return f"p={self.p}, warmup={self.warmup}{stages}"
