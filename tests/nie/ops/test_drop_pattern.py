"""nie.ops.drop_pattern."""

from __future__ import annotations

import pytest
import torch

from nie.errors import NieError
from nie.ops.drop_pattern import draw_seed, dropout_scale, split_seed, threshold


def hashed(counter: int, seed: int) -> int:
    """The documented hash in plain integers."""
    x = counter
    for half in (seed & 0xFFFFFFFF, seed >> 32):
        x ^= half
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            x = ((x ^ (x >> shift)) * factor) % 2**32
        x ^= x >> 16
    return x


def test_factors_follow_the_documented_hash() -> None:
    seed = 0x1234567_89ABCDEF
    factor = dropout_scale(50, 3, 0.3, seed, like=torch.zeros((), dtype=torch.float64))
    expected = [[0.0 if hashed(3 * e + h, seed) < threshold(0.3) else 1 / 0.7 for h in range(3)] for e in range(50)]
    torch.testing.assert_close(factor, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 0.9])
def test_share_and_independence(probability: float) -> None:
    one, other = (dropout_scale(20_000, 4, probability, seed, like=torch.zeros(())) == 0 for seed in (1, 2))
    assert abs(one.double().mean().item() - probability) < 0.01
    both = (one & other).double().mean().item()
    assert abs(both - probability**2) < 0.01
    neighbours = (one[:-1] & one[1:]).double().mean().item()
    assert abs(neighbours - probability**2) < 0.01


def test_seeds_and_probabilities() -> None:
    assert split_seed(2**32 + 5) == (5, 1)
    torch.manual_seed(3)
    first = draw_seed()
    torch.manual_seed(3)
    assert draw_seed() == first
    for bad in (-0.1, 1.0, float("nan")):
        with pytest.raises(NieError, match="must be a probability"):
            threshold(bad)
