"""nie.layers.channel_dropout."""

from __future__ import annotations

import pytest
import torch

from nie.errors import NieError
from nie.layers.channel_dropout import ChannelDropout


def masks(num_nodes: int = 20_000) -> torch.Tensor:
    mask = torch.ones(num_nodes, 3, dtype=torch.bool)
    mask[::4, 0] = False
    mask[1::4] = False
    return mask


def test_hides_with_the_probability_and_never_all() -> None:
    mask, drop = masks(), ChannelDropout(0.3)
    kept = drop(mask, torch.Generator().manual_seed(0))
    assert not (kept & ~mask).any()
    torch.testing.assert_close(kept.any(1), mask.any(1))
    whole = mask.all(1)
    # All three are hidden with probability .027, and one of them stays then.
    assert float(kept[whole].double().mean()) == pytest.approx(0.7 + 0.027 / 3, abs=0.01)


def test_every_channel_is_as_likely_to_be_the_one_that_stays() -> None:
    kept = ChannelDropout(1.0)(torch.ones(30_000, 3, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert (kept.sum(1) == 1).all()
    assert kept.double().mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_nothing_is_hidden_in_evaluation() -> None:
    mask = masks(8)
    assert ChannelDropout(0.9).eval()(mask) is mask
    assert ChannelDropout(0.0)(mask) is mask


def test_warms_up_and_remembers_how_far_it_is() -> None:
    mask, drop = torch.ones(5_000, 2, dtype=torch.bool), ChannelDropout(1.0, warmup=4)
    shares = [float(drop(mask, torch.Generator().manual_seed(0)).double().mean()) for _ in range(6)]
    assert shares == pytest.approx([1.0, 0.78, 0.625, 0.53, 0.5, 0.5], abs=0.02)
    other = ChannelDropout(1.0, warmup=4)
    other.load_state_dict(drop.state_dict())
    assert int(other.calls) == 6
    other.reset_parameters()
    assert bool(other(mask).all())


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_what_is_no_probability(p: float) -> None:
    with pytest.raises(NieError, match="p must lie in"):
        ChannelDropout(p)


def test_one_channel_is_alone_in_the_first_calls() -> None:
    mask, drop = masks(8), ChannelDropout(0.0, first=0, first_calls=2)
    for _ in range(2):
        kept = drop(mask)
        has = mask[:, 0]
        assert kept[has].tolist() == [[True, False, False]] * int(has.sum())
        torch.testing.assert_close(kept[~has], mask[~has])
    assert drop(mask) is mask
    again = ChannelDropout(0.0, first=0, first_calls=2)
    again.load_state_dict(drop.state_dict())
    assert again(mask) is mask
    drop.reset_parameters()
    assert drop.eval()(mask) is mask
