"""downstream.losses.lists; `draw_lists` itself is tested beside the losses that read it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from downstream.losses.lists import HARD, WINDOW, draw_lists, hard_lists, lists_for, near_lists
from downstream.methods.loss_settings import ImportanceLossConfig

N, M = 60, 6


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


TARGET = torch.rand(N, generator=generator(5)).mul(20).round()  # with ties
SCORE = TARGET + torch.randn(N, generator=generator(6))


def check(lists: Tensor, size: int) -> None:
    """Of distinct nodes, the node itself first."""
    assert lists.shape == (N, size)
    assert lists[:, 0].tolist() == list(range(N))
    assert all(len(set(row)) == size for row in lists.tolist())


@pytest.mark.parametrize("kind", ["uniform", "near", "hard", "mixed", "curriculum"])
@pytest.mark.parametrize("size", [2, M, N, N + 5])
def test_every_kind_makes_a_list_of_distinct_nodes_for_every_node(kind: Any, size: int) -> None:
    for seed in range(5):
        check(lists_for(kind, SCORE, TARGET, size, 0.4, generator(seed)), min(size, N))


def test_near_lists_lie_within_the_window() -> None:
    distinct = torch.randperm(N, generator=generator(1)).float()
    lists = near_lists(distinct, M, generator())
    assert (distinct[lists] - distinct[:, None]).abs().max() <= WINDOW * (M - 1)
    anywhere = draw_lists(N, M, generator())
    assert (distinct[anywhere] - distinct[:, None]).abs().max() > WINDOW * (M - 1)


def test_hard_lists_are_of_the_nodes_that_are_ranked_worst() -> None:
    target = torch.arange(N).float()
    score = target.clone()
    wrong = torch.tensor([3, 57, 10, 44, 20, 31, 5, 55])
    score[wrong] = score[wrong.flip(0)]
    counted = torch.bincount(hard_lists(score, target, M, generator())[:, 1:].flatten(), minlength=N)
    assert int((counted > 0).sum()) <= round(HARD * N)
    far = (score.argsort().argsort() - torch.arange(N)).abs() > 8
    assert far.any()
    assert (counted[far] > 0).all()


def test_a_curriculum_goes_from_any_to_hard() -> None:
    def hard_ones(done: float) -> int:
        lists, hard = (lists_for(kind, SCORE, TARGET, M, done, generator()) for kind in ("curriculum", "hard"))
        return int((lists == hard).all(dim=1).sum())

    assert hard_ones(1.0) == N
    assert torch.equal(lists_for("curriculum", SCORE, TARGET, M, 0.0, generator()), draw_lists(N, M, generator()))
    assert 0.4 * N <= hard_ones(0.5) <= 0.6 * N


def test_all_nodes_make_one_list() -> None:
    assert lists_for("uniform", SCORE, TARGET, "all", 0.0, generator()).tolist() == [list(range(N))]
    assert ImportanceLossConfig(list_size="all").list_size == "all"
    with pytest.raises(ValueError, match="drop list_sampling"):
        ImportanceLossConfig(list_size="all", list_sampling="hard")
    with pytest.raises(ValueError, match="give list_size a number"):
        ImportanceLossConfig(list_size="all", listwise="lambda")
    with pytest.raises(ValueError, match="list_size"):
        ImportanceLossConfig(list_size="some")
