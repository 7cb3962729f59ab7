from __future__ import annotations

import pytest
import torch
from reference import losses as reference
from torch import Tensor

from downstream.losses.importance import importance_loss, lambda_loss, listwise_loss
from downstream.losses.lists import draw_lists
from nie.errors import NieError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


LISTS = draw_lists(9, 4, generator(1))


def test_listwise_against_a_loop() -> None:
    score, target = draw(9), draw(9, seed=1) * 3
    expected = reference.listwise_loss(score.tolist(), target.tolist(), LISTS.tolist())
    assert listwise_loss(score, target, LISTS).item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("listwise_weight", [0.0, 0.3])
@pytest.mark.parametrize("channel_weight", [0.0, 0.8, 1.0])
def test_importance_loss_against_a_loop(channels: int, channel_weight: float, listwise_weight: float) -> None:
    score, by_channel, target = draw(9), draw(9, channels, seed=1), draw(9, seed=2)
    ours = importance_loss(
        score, by_channel, target, LISTS, channel_weight=channel_weight, listwise_weight=listwise_weight
    )
    expected = reference.importance_loss(
        score.tolist(), by_channel.tolist(), target.tolist(), LISTS.tolist(), channel_weight, listwise_weight
    )
    assert ours.item() == pytest.approx(expected, abs=1e-10)


def test_gradients() -> None:
    score, by_channel = draw(9).requires_grad_(), draw(9, 2, seed=1).requires_grad_()
    target = draw(9, seed=2)
    assert torch.autograd.gradcheck(
        lambda s, c: importance_loss(s, c, target, LISTS, channel_weight=0.8, listwise_weight=0.3), (score, by_channel)
    )


def test_listwise_is_least_at_the_target_and_blind_to_shifts() -> None:
    target = draw(9)
    least = listwise_loss(target, target, LISTS)
    torch.testing.assert_close(listwise_loss(target + 5, target - 3, LISTS), least)
    assert (listwise_loss(target + 0.1 * draw(9, seed=4), target, LISTS) > least).item()


def test_lambda_against_a_loop() -> None:
    score, target = draw(9), draw(9, seed=1) * 3
    expected = reference.lambda_loss(score.tolist(), target.tolist(), LISTS.tolist())
    assert lambda_loss(score, target, LISTS).item() == pytest.approx(expected, abs=1e-10)


def test_lambda_pushes_the_top_apart_most_and_equal_targets_not_at_all() -> None:
    score = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    ranked = score + torch.arange(6, 0, -1) * 1e-9  # the true order, as yet without a distance
    (slope,) = torch.autograd.grad(lambda_loss(ranked, torch.arange(6.0, 0, -1).double(), torch.arange(6)[None]), score)
    assert slope[0] < slope[1] < 0 < slope[-1]
    equal = lambda_loss(score, torch.ones(6, dtype=torch.float64), torch.arange(6)[None])
    assert torch.autograd.grad(equal, score)[0].abs().max() == 0


def test_lambda_does_not_overflow() -> None:
    score = torch.tensor([0.0, 1e4, -1e4])
    assert lambda_loss(score, score.flip(0), torch.tensor([[0, 1, 2]])).isfinite()


def test_listwise_does_not_overflow() -> None:
    score = torch.tensor([0.0, 1e4, -1e4])
    assert listwise_loss(score, score.flip(0), torch.tensor([[0, 1, 2]])).isfinite()


@pytest.mark.parametrize(("num_train", "list_size"), [(2, 2), (7, 3), (50, 50), (50, 200), (1000, 100)])
def test_lists_are_distinct_and_balanced(num_train: int, list_size: int) -> None:
    lists = draw_lists(num_train, list_size, generator())
    size = min(list_size, num_train)
    assert lists.shape == (num_train, size)
    assert lists.dtype == torch.long
    assert torch.equal(lists[:, 0], torch.arange(num_train))
    ordered = lists.sort(dim=1).values
    assert (ordered.diff(dim=1) > 0).all()
    assert torch.equal(torch.bincount(lists.flatten(), minlength=num_train), torch.full((num_train,), size))


def test_every_set_of_others_is_equally_likely() -> None:
    source, counts, draws = generator(), {}, 6000
    for _ in range(draws):
        others = tuple(sorted(draw_lists(5, 3, source)[0, 1:].tolist()))
        counts[others] = counts.get(others, 0) + 1
    assert len(counts) == 6  # pairs of the four others
    assert all(abs(count / draws - 1 / 6) < 0.025 for count in counts.values())  # five standard deviations


def test_lists_depend_on_their_generator_only() -> None:
    first = draw_lists(40, 10, generator(3))
    torch.rand(5)
    assert torch.equal(first, draw_lists(40, 10, generator(3)))
    source = generator(3)
    assert torch.equal(first, draw_lists(40, 10, source))
    assert not torch.equal(first, draw_lists(40, 10, source))


@pytest.mark.parametrize(("num_train", "list_size"), [(1, 5), (0, 5), (10, 1)])
def test_lists_need_two(num_train: int, list_size: int) -> None:
    with pytest.raises(NieError, match="lists of at least 2 nodes, and at least 2 training nodes"):
        draw_lists(num_train, list_size, generator())
