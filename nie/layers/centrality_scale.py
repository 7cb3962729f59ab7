"""Scaling of a score by a node's centrality."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CentralityScale(nn.Module):
    r"""Scale scores by a learned affine function of centrality: :math:`(\gamma c + \beta) \, s`.

    Flexible centrality adjustment of GENI (Park et al., KDD 2019, section 4.4), also an option of RGTN. It starts as
    :math:`\gamma = 0, \beta = 1`, the identity, so that it only departs from the plain score where that helps.

    Args:
        num_heads: so many heads have factors of their own, which start as :math:`\gamma = 1, \beta = 0`, as in the
            papers' programs; by default one pair of factors serves all.

    Example:
        >>> CentralityScale()(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.5])).tolist()
        [2.0, 3.0]
    """

    def __init__(self, num_heads: int | None = None) -> None:
        super().__init__()
        shape = () if num_heads is None else (num_heads,)
        self.gamma = nn.Parameter(torch.empty(shape))
        self.beta = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to the identity, gamma 0 and beta 1; for heads to the centrality alone, gamma 1 and beta 0."""
        by_head = float(self.gamma.dim())
        nn.init.constant_(self.gamma, by_head)
        nn.init.constant_(self.beta, 1 - by_head)

    def forward(self, score: Tensor, centrality: Tensor) -> Tensor:
        """Scale ``score`` by ``centrality``, usually the logarithm of the in-degree.

        Args:
            score: (N,) or (N, H).
            centrality: (N,), or (N, 1) for scores by head.
        """
        return (self.gamma * centrality + self.beta) * score
