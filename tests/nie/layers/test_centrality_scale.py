"""nie.layers.centrality_scale."""

from __future__ import annotations

import torch

from nie.layers import CentralityScale


def test_it_is_the_affine_function_of_the_paper() -> None:
    scale = CentralityScale().double()
    with torch.no_grad():
        scale.gamma.fill_(0.5)
        scale.beta.fill_(2.0)
    score, centrality = torch.tensor([1.0, -3.0]).double(), torch.tensor([4.0, 1.0]).double()
    assert scale(score, centrality).tolist() == [4.0, -7.5]


def test_gradients() -> None:
    scale = CentralityScale().double()
    score = torch.tensor([1.0, -3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: scale(s, torch.tensor([4.0, 1.0]).double()), score)
    scale(score, torch.ones(2).double()).sum().backward()
    assert all(parameter.grad is not None for parameter in scale.parameters())
