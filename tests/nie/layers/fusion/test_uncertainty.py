"""nie.layers.fusion.uncertainty; what holds for every fusion is in test_channel_fusion.py."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from reference.graphs import normal
from torch import Tensor, nn

from nie.layers.fusion import FUSIONS, ChannelFusion, CrossModalTransformer

SIZE, NODES = 8, 12


def build(method: str, num_channels: int = 3, **settings: Any) -> ChannelFusion:
    torch.manual_seed(0)
    fusion = ChannelFusion(method, SIZE, num_channels, **settings).double().eval()
    with torch.no_grad():
        fusion.null.fill_(7.0)
        if isinstance(fusion.fusion, CrossModalTransformer):  # away from the identity that it starts as
            nn.init.normal_(fusion.fusion.out.weight, std=0.3)
    return fusion


def inputs(num_channels: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(NODES, num_channels, generator=generator) < 0.6
    mask[0], mask[1] = True, False
    return normal(NODES, num_channels, SIZE), mask, normal(NODES, num_channels, SIZE, seed=5) * 0.5


def fuse(fusion: ChannelFusion, tokens: Tensor, mask: Tensor | None, logvar: Tensor) -> Any:
    return fusion(tokens, mask, logvar=logvar if FUSIONS[fusion.method].needs_logvar else None)


def test_inverse_variance_is_free_of_scale_and_the_published_form_is_not() -> None:
    tokens, mask, logvar = inputs()
    for method, same in (("inverse_variance", True), ("uncertainty", False)):
        fusion = build(method)
        one, two = fuse(fusion, tokens, mask, logvar), fuse(fusion, tokens, mask, logvar + 2 * math.log(3))
        assert torch.allclose(one.weights, two.weights) is same


def test_inverse_variance_is_one_over_the_variance() -> None:
    variance = torch.tensor([[0.5, 2.0, 1.0]]).double()
    logvar = variance.log()[..., None].expand(1, 3, SIZE)
    fused = build("inverse_variance")(normal(1, 3, SIZE), logvar=logvar)
    torch.testing.assert_close(fused.weights, (1 / variance) / (1 / variance).sum())


def test_the_published_uncertainty_equals_the_loop() -> None:
    tokens, mask, logvar = inputs()
    weights = fuse(build("uncertainty", temperature=0.5), tokens, mask, logvar).weights
    for node in range(NODES):
        there = mask[node].nonzero()[:, 0].tolist()
        scores = [math.exp(1 / ((float((logvar[node, m] / 2).exp().mean()) + 1e-6) * 0.5)) for m in there]
        for m, score in zip(there, scores, strict=True):
            assert weights[node, m] == pytest.approx(score / sum(scores))
