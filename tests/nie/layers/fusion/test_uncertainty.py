"""nie.layers.fusion.uncertainty; what holds for every fusion is in test_channel_fusion.py."""

from __future__ import annotations

import math

import pytest
import torch
from reference.fusions import NODES, SIZE, build, fuse, inputs
from reference.graphs import normal

from nie.errors import NieError
from nie.layers.fusion import ChannelFusion


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


def test_the_published_gate_has_two_layers() -> None:
    fusion = build("gated_uncertainty", alpha=0.0, gate_size=5)
    tokens, mask, logvar = inputs()
    mask = torch.ones_like(mask)
    first, activation, _, second = fusion.fusion.gate  # type: ignore[misc, union-attr]
    assert isinstance(activation, torch.nn.GELU)
    wanted = second(torch.nn.functional.gelu(first(tokens.flatten(1)))).softmax(dim=1)
    torch.testing.assert_close(fusion(tokens, mask, logvar=logvar).weights, wanted)
    with pytest.raises(NieError, match="give gate_size"):
        ChannelFusion("gated_uncertainty", SIZE, 3, gate_drop=0.1)
