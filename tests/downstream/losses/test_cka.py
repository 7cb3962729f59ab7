"""downstream.losses.cka."""

from __future__ import annotations

import pytest
import torch

from downstream.losses.cka import cka_loss
from nie.cka import linear_cka


def test_equals_the_measure_and_has_a_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(20, 3, dtype=torch.float64, generator=generator).requires_grad_()
    theirs = torch.randn(20, 5, dtype=torch.float64, generator=generator)
    assert cka_loss(ours, theirs).item() == pytest.approx(1 - linear_cka(ours.detach(), theirs))
    assert torch.autograd.gradcheck(lambda x: cka_loss(x, theirs), (ours,))


def test_rows_that_are_all_equal_have_nothing_in_common_with_others() -> None:
    ours = torch.ones(4, 2, requires_grad=True)
    loss = cka_loss(ours, torch.randn(4, 3))
    assert loss.item() == 1
    loss.backward()
    assert ours.grad is not None
    assert torch.isfinite(ours.grad).all()
