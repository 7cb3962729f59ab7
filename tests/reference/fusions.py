"""Fusions and what they fuse, for the tests of all of them."""

from __future__ import annotations

from typing import Any

import torch
from reference.graphs import normal
from torch import Tensor, nn

from nie.layers.fusion import FUSIONS, ChannelFusion, CrossModalTransformer

SIZE, NODES = 8, 12


def build(method: str, num_channels: int = 3, **settings: Any) -> ChannelFusion:
    """A fusion in evaluation mode, away from the values that it starts with."""
    torch.manual_seed(0)
    fusion = ChannelFusion(method, SIZE, num_channels, **settings).double().eval()
    with torch.no_grad():
        fusion.null.fill_(7.0)
        if isinstance(fusion.fusion, CrossModalTransformer):  # away from the identity that it starts as
            nn.init.normal_(fusion.fusion.out.weight, std=0.3)
    return fusion


def inputs(num_channels: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, mask and log-variances; the first node has every channel and the second none."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(NODES, num_channels, generator=generator) < 0.6
    mask[0], mask[1] = True, False
    return normal(NODES, num_channels, SIZE), mask, normal(NODES, num_channels, SIZE, seed=5) * 0.5


def fuse(fusion: ChannelFusion, tokens: Tensor, mask: Tensor | None, logvar: Tensor) -> Any:
    """What the fusion makes of them, with the log-variances where it needs these."""
    return fusion(tokens, mask, logvar=logvar if FUSIONS[fusion.method].needs_logvar else None)
