"""Scaling of a score by a node's centrality."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CentralityScale(nn.Module):
    r"""Scale scores by a learned affine function of centrality: :math:`(\gamma c + \beta) \, s`.

    Flexible centrality adjustment of GENI (Park et al., KDD 2019, section 4.4), also an option of RGTN. It starts as
    :math:`\gamma = 0, \beta = 1`, the identity, so that it only departs from the plain score where that helps.

    Example:
        >>> CentralityScale()(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.5])).tolist()
        [2.0, 3.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(()))
        self.beta = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to the identity: gamma 0, beta 1."""
        nn.init.zeros_(self.gamma)
        nn.init.ones_(self.beta)

    def forward(self, score: Tensor, centrality: Tensor) -> Tensor:
        """Scale ``score`` (N,) by ``centrality`` (N,), usually the logarithm of the in-degree."""
        return (self.gamma * centrality + self.beta) * score
