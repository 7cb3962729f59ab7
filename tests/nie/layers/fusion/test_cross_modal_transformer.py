"""nie.layers.fusion.cross_modal_transformer; what holds for every fusion is in test_channel_fusion.py."""

from __future__ import annotations

import pytest
import torch
from reference.fusions import SIZE, build, inputs

from nie.layers.fusion import ChannelFusion, CrossModalTransformer
from nie.training.loop import seeded


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


def test_checkpointing_changes_no_bit() -> None:
    tokens, mask, _ = inputs()
    made = []
    for checkpoint in (False, True):
        fusion = build("cross_modal_transformer", num_layers=2, dropout=0.3, checkpoint=checkpoint).train()
        with seeded(1):
            fusion(tokens, mask).vector.square().sum().backward()
        made.append(torch.cat([p.grad.flatten() for p in fusion.parameters() if p.grad is not None]))
    assert torch.equal(*made)
