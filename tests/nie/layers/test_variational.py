"""nie.layers.variational."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from reference.graphs import normal
from reference.resets import check_reset
from torch import nn

from nie.errors import NieError
from nie.layers.variational import Encoding, ModalityDecoder, VariationalEncoder, VariationalLSTMEncoder


def test_starts_at_variance_one_and_is_clamped() -> None:
    encoder = VariationalEncoder(5, 8).double().eval()
    assert not encoder(normal(4, 5)).logvar.any()
    nn.init.constant_(encoder.heads.logvar.bias, 99.0)
    assert (encoder(normal(4, 5)).logvar == 10).all()


def test_equals_the_formula() -> None:
    encoder, x = VariationalEncoder(5, 8).double().eval(), normal(4, 5)
    _, first, norm1, gelu, second, norm2, _ = encoder.hidden
    hidden = gelu(norm2(second(gelu(norm1(first(x)))))) + x @ encoder.residual.weight.T
    torch.testing.assert_close(encoder(x).mean, encoder.heads.mean(hidden))


def test_samples_have_the_mean_and_the_variance() -> None:
    encoding = Encoding(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), 4.0).log())
    drawn = encoding.sample(torch.Generator().manual_seed(0))
    assert abs(float(drawn.mean()) - 3) < 0.05
    assert abs(float(drawn.var()) - 4) < 0.1
    again = encoding.sample(torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn, again, rtol=0, atol=0)
    assert Encoding(encoding.mean).sample() is encoding.mean


def test_what_lies_behind_the_end_of_a_sequence_is_not_read() -> None:
    encoder = VariationalLSTMEncoder(5, 8).double().eval()
    x, lengths = normal(3, 4, 5), torch.tensor([2, 4, 1])
    one = encoder(x, lengths).mean
    other = x.clone()
    other[0, 2:], other[2, 1:] = 99.0, torch.nan
    torch.testing.assert_close(encoder(other, lengths).mean, one, rtol=0, atol=0)
    for node, length in enumerate(lengths.tolist()):
        alone = encoder(x[node : node + 1, :length], torch.tensor([length])).mean
        torch.testing.assert_close(alone[0], one[node])


@pytest.mark.parametrize("lengths", [[0, 1, 1], [5, 1, 1], [1, 1]])
def test_bad_lengths(lengths: list[int]) -> None:
    with pytest.raises(NieError, match="3 numbers from 1 to 4"):
        VariationalLSTMEncoder(5, 8)(torch.zeros(3, 4, 5), torch.tensor(lengths))


def test_every_parameter_gets_a_gradient() -> None:
    for encoder, given in (
        (VariationalEncoder(5, 8), (normal(6, 5),)),
        (VariationalLSTMEncoder(5, 8), (normal(6, 3, 5), torch.tensor([1, 2, 3, 3, 2, 1]))),
    ):
        encoder, decoder = encoder.double(), ModalityDecoder(8, 5).double()
        encoding = encoder(*given)
        (decoder(encoding.sample()).square().sum() + encoding.logvar.sum()).backward()
        for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", [VariationalEncoder, VariationalLSTMEncoder, ModalityDecoder])
def test_reset_parameters(kind: Callable[[int, int], nn.Module]) -> None:
    check_reset(kind(5, 8), kind(5, 8))
