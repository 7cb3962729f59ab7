"""Fusions that project every channel: concatenation and sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nie.layers.masked import Fused, hide
from nie.ops.shapes import expect_sizes


class ConcatFusion(nn.Module):
    r"""Project every channel, put the projections side by side, and mix them by two layers.

    .. math:: v = W_2 \, \mathrm{GELU}(W_1 [P_1 x_1; \ldots; P_M x_M] + b_1) + b_2

    with 0 in the place of a missing channel. No weights.

    Args:
        size: H.
        num_channels: M.
    """

    def __init__(self, size: int, num_channels: int) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        self.projections = nn.ModuleList(nn.Linear(size, size) for _ in range(num_channels))
        self.mix = nn.Sequential(nn.Linear(num_channels * size, size), nn.GELU(), nn.Linear(size, size))

    def reset_parameters(self) -> None:
        """Reset to torch's defaults."""
        _reset_linears(self)

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None = None) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        return Fused(self.mix(_projected(self.projections, tokens, mask).flatten(1)), None, tokens)


class SumFusion(nn.Module):
    r"""The sum of projected channels: :math:`v = \mathrm{GELU}(\sum_m P_m x_m)`, over the channels that a node has.

    Args:
        size: H.
        num_channels: M.
    """

    def __init__(self, size: int, num_channels: int) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        self.projections = nn.ModuleList(nn.Linear(size, size) for _ in range(num_channels))

    def reset_parameters(self) -> None:
        """Reset to torch's defaults."""
        _reset_linears(self)

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None = None) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        return Fused(F.gelu(_projected(self.projections, tokens, mask).sum(dim=1)), None, tokens)


def _projected(projections: nn.ModuleList, tokens: Tensor, mask: Tensor) -> Tensor:
    """(N, M, H): every channel by its own projection, whose bias counts only where the channel is there."""
    projected = [project(tokens[:, channel]) for channel, project in enumerate(projections)]
    return hide(torch.stack(projected, dim=1), mask)


def _reset_linears(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Linear):
            part.reset_parameters()
