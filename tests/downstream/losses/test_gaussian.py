"""The loss of a score and its variance: downstream.losses.gaussian."""

from __future__ import annotations

import pytest
import torch
from reference import losses as reference

from downstream.losses.gaussian import gaussian_loss
from downstream.losses.importance import importance_loss, squared_error

MEAN, LOG_VARIANCE, TARGET = torch.randn(3, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_against_a_loop(beta: float) -> None:
    expected = reference.gaussian_loss(MEAN.tolist(), LOG_VARIANCE.tolist(), TARGET.tolist(), beta)
    assert gaussian_loss(MEAN, LOG_VARIANCE, TARGET, beta).item() == pytest.approx(expected, abs=1e-10)


def test_derivatives() -> None:
    def loss(*given: torch.Tensor) -> torch.Tensor:
        return gaussian_loss(*given, TARGET, beta=0.0)

    assert torch.autograd.gradcheck(loss, [one.clone().requires_grad_() for one in (MEAN, LOG_VARIANCE)])


def test_with_beta_1_the_mean_learns_as_by_the_squared_error() -> None:
    mean = MEAN.clone().requires_grad_()
    ours = torch.autograd.grad(gaussian_loss(mean, LOG_VARIANCE, TARGET, beta=1.0), mean)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(squared_error(mean, TARGET), mean)[0])


def test_it_takes_the_place_of_the_error_of_the_final_score_alone() -> None:
    lists, by_channel = torch.zeros(0, 2, dtype=torch.int64), torch.stack([MEAN, TARGET], 1)
    whole, channels = gaussian_loss(MEAN, LOG_VARIANCE, TARGET), squared_error(by_channel, TARGET[:, None])
    found = importance_loss(
        MEAN, by_channel, TARGET, lists, channel_weight=0.25,
        value_error=lambda score, target: gaussian_loss(score, LOG_VARIANCE, target),
    )  # fmt: skip
    assert found.item() == pytest.approx((0.75 * whole + 0.25 * channels).item())
