"""nie.layers.fusion.cross_modal_transformer; what holds for every fusion is in test_channel_fusion.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.graphs import normal
from torch import Tensor, nn

from nie.layers.fusion import ChannelFusion, CrossModalTransformer

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


def test_the_extractor_starts_as_the_identity() -> None:
    fusion = ChannelFusion("cross_modal_transformer", SIZE, 3).double().train()
    tokens, mask, _ = inputs()
    torch.testing.assert_close(fusion(tokens, mask).tokens[mask], tokens[mask], rtol=0, atol=0)


@pytest.mark.parametrize("literal", [True, False])
def test_attention_of_the_published_form_is_a_constant(literal: bool) -> None:
    """The trap: over one key the softmax is 1, so queries and keys learn nothing."""
    fusion = build("cross_modal_transformer", literal=literal)
    assert isinstance(fusion.fusion, CrossModalTransformer)
    tokens, mask, _ = inputs()
    fusion(tokens, mask).vector.square().sum().backward()
    for name, parameter in fusion.named_parameters():
        if name.endswith(("query.weight", "key.weight")):
            assert parameter.grad is not None
            assert bool(parameter.grad.abs().max() < 1e-12) is literal, name
    weights = fusion.fusion.attention(tokens, mask)[0]
    assert bool((weights.max(dim=1).values == 1).all()) is literal
