"""Made-up channels, which a model has to tell from the real ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nie.ops.shapes import expect_sizes


class ChannelGenerator(nn.Module):
    """Make the further channels of entities from their structural vector and noise, to be told from real ones.

    The generator of AdaMF-MAT (Zhang et al., LREC-COLING 2024): two linear maps with a LeakyReLU between them. What it
    makes goes through :func:`reversed_gradient`: one optimizer then teaches the model to refuse the triples with
    made-up channels, and the generator to have them accepted.

    Args:
        size: H, of a channel's vector.
        num_made: channels to make.
        noise_size: size of the noise.

    Example:
        >>> ChannelGenerator(8, 2)(torch.randn(3, 8), torch.Generator().manual_seed(0)).shape
        torch.Size([3, 2, 8])
    """

    def __init__(self, size: int, num_made: int, noise_size: int = 64) -> None:
        super().__init__()
        expect_sizes(size=size, num_made=num_made, noise_size=noise_size)
        self.num_made, self.noise_size = num_made, noise_size
        self.layers = nn.Sequential(
            nn.Linear(size + noise_size, size), nn.LeakyReLU(), nn.Linear(size, num_made * size)
        )  # fmt: skip

    def reset_parameters(self) -> None:
        """Reset to torch's defaults."""
        for part in self.layers:
            if isinstance(part, nn.Linear):
                part.reset_parameters()

    def forward(self, structural: Tensor, generator: torch.Generator) -> Tensor:
        """(n, num_made, H) for structural vectors (n, H)."""
        noise = torch.randn(len(structural), self.noise_size, generator=generator).to(structural)
        made = self.layers(torch.cat([structural.detach(), noise], dim=1))
        return reversed_gradient(made.unflatten(1, (self.num_made, -1)))


def reversed_gradient(x: Tensor) -> Tensor:
    """``x``, whose gradient changes sign on the way back (Ganin and Lempitsky, ICML 2015).

    >>> x = torch.ones(2, requires_grad=True)
    >>> reversed_gradient(x).sum().backward()
    >>> x.grad
    tensor([-1., -1.])
    """
    out: Tensor = _Reversed.apply(x)  # type: ignore[no-untyped-call]
    return out


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        return -gradients[0]
