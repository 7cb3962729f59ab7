"""downstream.heads.importance, and the activations of its scores, nie.layers.activations."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from reference.graphs import normal
from reference.transformer import importance_head

from downstream.heads.importance import ImportanceHead
from nie.errors import NieError
from nie.layers import CentralityScale
from nie.layers.activations import ACTIVATIONS
from nie.vocabulary import ActivationName

SIZE = 6


def build(num_channels: int = 2, activation: str = "linear", scaled_channel: int | None = None) -> ImportanceHead:
    torch.manual_seed(0)
    head = ImportanceHead(SIZE, num_channels, activation=activation, scaled_channel=scaled_channel).double()
    with torch.no_grad():
        head.bias.copy_(normal(num_channels, seed=7))
        if head.scale is not None:
            head.scale.gamma.fill_(0.7)
            head.scale.beta.fill_(-0.2)
    return head


@pytest.mark.parametrize("num_channels", [1, 2, 3])
@pytest.mark.parametrize("activation", ["linear", "leaky_relu"])
@pytest.mark.parametrize("scaled", [False, True])
def test_equals_the_loop(num_channels: int, activation: str, scaled: bool) -> None:
    head = build(num_channels, activation, num_channels - 1 if scaled else None)
    tokens, centrality = normal(9, num_channels, SIZE), normal(9, seed=3) if scaled else None
    score, by_channel = head(tokens, centrality)
    expected, expected_by_channel = importance_head(head, tokens, centrality)
    torch.testing.assert_close(score, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(by_channel, expected_by_channel, rtol=0, atol=1e-10)


@pytest.mark.parametrize("scaled", [False, True])
def test_gradients(scaled: bool) -> None:
    head = build(scaled_channel=0 if scaled else None)
    centrality = normal(5, seed=3) if scaled else None
    tokens = normal(5, 2, SIZE, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: head(x, centrality), (tokens,))
    score, _ = head(tokens, centrality)
    (score * normal(5, seed=9)).sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_reset_parameters_sets_everything() -> None:
    head = build(scaled_channel=0)
    head.reset_parameters()
    assert (head.bias == 0).all()
    assert head.scale is not None
    assert (head.scale.gamma.item(), head.scale.beta.item()) == (0.0, 1.0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NieError, match=r"must be \(N, 2, 6\); got \(9, 3, 6\)"):
        build()(normal(9, 3, SIZE))
    with pytest.raises(NieError, match="scaled_channel"):
        build()(normal(9, 2, SIZE), normal(9))
    with pytest.raises(NieError, match="scaled_channel"):
        build(scaled_channel=0)(normal(9, 2, SIZE))
    with pytest.raises(NieError, match=r"'relu'.*did you mean 'leaky_relu'"):
        ImportanceHead(SIZE, 2, activation="relu")


def test_centrality_scale() -> None:
    scale = CentralityScale().double()
    score, centrality = normal(5, requires_grad=True), normal(5, seed=1)
    torch.testing.assert_close(scale(score, centrality), score, rtol=0, atol=0)  # starts as the identity
    with torch.no_grad():
        scale.gamma.fill_(2.0)
        scale.beta.fill_(0.5)
    expected = torch.stack([(2.0 * centrality[i] + 0.5) * score[i] for i in range(5)])
    torch.testing.assert_close(scale(score, centrality), expected, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(scale, (score, centrality))
    scale(score, centrality).sum().backward()
    assert scale.gamma.grad is not None
    assert scale.beta.grad is not None


def test_settings_name_every_activation() -> None:
    assert get_args(ActivationName) == tuple(ACTIVATIONS)


def test_the_activation_stands_on_the_channels_or_on_the_mixture() -> None:
    """They differ where a node's channels have scores of different signs."""
    heads = [ImportanceHead(2, 2, activation="leaky_relu", activate_mixture=mixture) for mixture in (False, True)]
    for head in heads:
        with torch.no_grad():
            head.weight.copy_(torch.tensor([[1.0, 0.0], [-2.0, 0.0]]))
            head.mix.zero_()
    tokens = torch.tensor([[[4.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [4.0, 0.0]]])
    on_channels, on_mixture = (head(tokens)[0].tolist() for head in heads)
    assert on_channels == pytest.approx([(4 - 0.02) / 2, (1 - 0.08) / 2])
    assert on_mixture == pytest.approx([1.0, -0.035])
