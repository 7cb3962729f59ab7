"""downstream.stages.links.loss and .negatives."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import normal

from downstream.stages.links.loss import self_adversarial_loss
from downstream.stages.links.negatives import draw_negatives, head_share
from nie.errors import NieError


def test_the_loss_equals_the_loop() -> None:
    positive, negative = normal(4), normal(4, 6, seed=1)
    false = torch.zeros(4, 6, dtype=torch.bool)
    false[0, 2] = false[3, 0] = True
    weight = torch.tensor([1.0, 2.0, 0.5, 1.0]).double()
    total = 0.0
    for i in range(4):
        kept = [k for k in range(6) if not false[i, k]]
        share = (2 * negative[i, kept]).softmax(0)
        inner = sum(float(p) * float((-negative[i, k]).sigmoid().log()) for p, k in zip(share, kept, strict=True))
        total -= float(weight[i]) * (float(positive[i].sigmoid().log()) + inner) / 2
    loss = self_adversarial_loss(positive, negative, false, temperature=2.0, weight=weight)
    assert float(loss) == pytest.approx(total / float(weight.sum()))


def test_no_gradient_flows_through_the_weights_of_negatives() -> None:
    negative = normal(2, 3, requires_grad=True)
    share = negative.detach().softmax(1)
    self_adversarial_loss(torch.zeros(2).double(), negative).backward()
    assert negative.grad is not None
    torch.testing.assert_close(negative.grad, share * negative.detach().sigmoid() / 4)


def test_a_triple_whose_negatives_are_all_true_learns_from_itself() -> None:
    loss = self_adversarial_loss(torch.zeros(1), torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool))
    assert float(loss) == pytest.approx(0.6931 / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("positive", "negative", "temperature", "words"),
    [
        (torch.zeros(3), torch.zeros(2, 4), 1.0, r"must be \(B,\) and negative \(B, K\)"),
        (torch.zeros(2), torch.zeros(2, 0), 1.0, r"must be \(B,\) and negative \(B, K\)"),
        (torch.zeros(2), torch.zeros(2, 4), -1.0, "temperature must be at least 0; got -1.0"),
    ],
)
def test_bad_input(positive: torch.Tensor, negative: torch.Tensor, temperature: float, words: str) -> None:
    with pytest.raises(NieError, match=words):
        self_adversarial_loss(positive, negative, temperature=temperature)


def test_heads_are_corrupted_where_a_head_has_many_tails() -> None:
    one_to_many = [[0, 0, tail] for tail in range(1, 5)]
    many_to_one = [[head, 1, 0] for head in range(1, 5)]
    share = head_share(torch.tensor(one_to_many + many_to_one), 3)
    assert share.tolist() == pytest.approx([0.8, 0.2, 0.5])


def test_negatives_are_seeded_and_distinct() -> None:
    one, two = (draw_negatives(torch.arange(100), 30, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert len(one.unique()) == 30
    for count in (0, 101):
        with pytest.raises(NieError, match="between 1 and 100, the entities to draw from"):
            draw_negatives(torch.arange(100), count, torch.Generator())
