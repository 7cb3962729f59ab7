"""nie.ops.row_sum."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import normal

from nie.ops.row_sum import row_sum

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


@pytest.mark.parametrize("device", DEVICES)
def test_values_and_gradients_equal_the_loop(device: str) -> None:
    values, rows = normal(50, 3, 2), torch.randint(0, 6, (50,), generator=torch.Generator().manual_seed(0))
    expected = torch.stack([values[rows == row].sum(dim=0) for row in range(8)])
    given = values.to(device).requires_grad_()
    found = row_sum(given, rows.to(device), 8)
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-12)
    weight = normal(8, 3, 2, seed=1).to(device)
    (grad,) = torch.autograd.grad((found * weight).sum(), given)
    assert torch.equal(grad, weight[rows.to(device)])


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_bits_every_time(device: str) -> None:
    values = normal(200_000, 4).float().to(device)
    rows = torch.randint(0, 5, (len(values),), generator=torch.Generator().manual_seed(0)).to(device)
    first = row_sum(values, rows, 5)
    assert all(torch.equal(first, row_sum(values, rows, 5)) for _ in range(20))
