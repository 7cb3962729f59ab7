from __future__ import annotations

import pytest
import torch
from reference.graphs import normal
from reference.resets import check_reset
from reference.transformer import co_attention

from nie.errors import NieError
from nie.layers import CoAttention

SIZE = 6


def build(num_channels: int, dropout: float = 0.1) -> CoAttention:
    torch.manual_seed(0)
    return CoAttention(SIZE, num_channels, dropout=dropout).double()


@pytest.mark.parametrize("num_channels", [1, 2, 3])
def test_equals_the_loop(num_channels: int) -> None:
    layer = build(num_channels)
    layer(normal(50, num_channels, SIZE, seed=1) * 2 + 1)  # moves the running statistics
    layer.eval()
    tokens = normal(7, num_channels, SIZE)
    torch.testing.assert_close(layer(tokens), co_attention(layer, tokens), rtol=0, atol=1e-10)


def test_training_normalises_each_channel_over_nodes() -> None:
    out = build(2)(normal(40, 2, SIZE) * torch.tensor([1.0, 30.0]).view(1, 2, 1))
    torch.testing.assert_close(out.mean(0), torch.zeros(2, SIZE, dtype=torch.float64), rtol=0, atol=1e-10)
    torch.testing.assert_close(out.var(0, unbiased=False), torch.ones(2, SIZE).double(), rtol=1e-3, atol=0)


def test_a_lone_node_is_normalised_in_training_by_the_running_statistics() -> None:
    layer, lone = build(2, dropout=0.0), normal(1, 2, SIZE, seed=3)
    layer(normal(40, 2, SIZE) * 2 + 1)
    kept = layer.batch_norm.running_mean.clone()  # type: ignore[union-attr]
    out = layer(lone)
    torch.testing.assert_close(layer.batch_norm.running_mean, kept, rtol=0, atol=0)
    torch.testing.assert_close(out, layer.eval()(lone))


def test_gradcheck() -> None:
    layer = build(2).eval()
    assert torch.autograd.gradcheck(layer, (normal(5, 2, SIZE, requires_grad=True),))


@pytest.mark.parametrize("num_channels", [1, 2])
def test_every_parameter_gets_a_gradient(num_channels: int) -> None:
    layer = build(num_channels, dropout=0.0)
    out = layer(normal(9, num_channels, SIZE))
    (out * normal(*out.shape, seed=9)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        # A lone token attends to itself with weight one, whatever query and key are.
        if num_channels > 1 or name not in ("query.weight", "key.weight"):
            assert parameter.grad.abs().max() > 0, name


def test_dropout_acts_in_training_only() -> None:
    tokens = normal(9, 2, SIZE)
    assert not torch.allclose(build(2, dropout=0.9)(tokens), build(2, dropout=0.0)(tokens))
    torch.testing.assert_close(build(2, 0.9).eval()(tokens), build(2, 0.0).eval()(tokens), rtol=0, atol=0)


def test_reset_parameters_forgets_the_running_statistics() -> None:
    layer, fresh = build(2), build(2)
    layer(normal(9, 2, SIZE))
    check_reset(layer, fresh)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(NieError, match=r"must be \(N, 2, 6\); got \(9, 3, 6\)"):
        build(2)(normal(9, 3, SIZE))


def test_the_attention_between_channels_is_that_of_the_layer() -> None:
    layer, tokens = CoAttention(4, 3).eval(), torch.randn(5, 3, 4)
    mask = torch.tensor([[True, True, True], [True, False, True], [True, True, False], [True, True, True], [True] * 3])
    weight = layer.attention(tokens, mask)
    assert torch.equal(weight.sum(-1).round(decimals=5), torch.ones(5, 3))
    assert not weight[~mask[:, None].expand_as(weight)].any()
    attended = weight @ layer.value(tokens.masked_fill(~mask[..., None], 0))
    attended = layer.layer_norm(attended + layer.feed_forward(attended))
    expected = layer.batch_norm((tokens + attended).flatten(1)).view_as(tokens)
    torch.testing.assert_close(layer(tokens, mask)[mask], expected[mask])
