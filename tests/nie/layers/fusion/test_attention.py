"""nie.layers.fusion.attention; what holds for every fusion is in test_channel_fusion.py."""

from __future__ import annotations

import copy

import torch
from reference.fusions import SIZE

from nie.layers.fusion import ChannelFusion, SoftmaxFusion
from nie.training.rates import rate_groups


def test_given_weights_are_where_softmax_starts() -> None:
    fusion = SoftmaxFusion(SIZE, 3, weights=[0.6, 0.4, 1e-9])
    weights = fusion(torch.zeros(1, 3, SIZE), torch.ones(1, 3, dtype=torch.bool)).weights
    torch.testing.assert_close(weights, torch.tensor([[0.6, 0.4, 1e-3]]) / 1.001)


def test_softmax_has_a_learning_rate_of_its_own() -> None:
    groups = rate_groups(copy.deepcopy(ChannelFusion("softmax", SIZE, 3)), 0.01)
    assert sorted((group["lr"], sum(p.numel() for p in group["params"])) for group in groups) == [(0.01, 8), (0.1, 3)]


def test_the_rate_of_softmax_is_a_setting() -> None:
    groups = rate_groups(ChannelFusion("softmax", SIZE, 3, lr=2.0), 0.01)
    assert sorted(group["lr"] for group in groups) == [0.01, 0.02]
