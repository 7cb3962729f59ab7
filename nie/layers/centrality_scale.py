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
        fixed: gamma stays 1 and beta 0, so that scores are multiplied by the centrality itself: the paper's control.

    Example:
        >>> CentralityScale(fixed=True)(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.5])).tolist()
        [0.0, 4.5]
        >>> CentralityScale()(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.5])).tolist()
        [2.0, 3.0]
    """

    gamma: Tensor
    beta: Tensor

    def __init__(self, num_heads: int | None = None, *, fixed: bool = False) -> None:
        super().__init__()
        shape = () if num_heads is None else (num_heads,)
        self.fixed = fixed
        for name in ("gamma", "beta"):
            factor = torch.empty(shape)
            if fixed:
                self.register_buffer(name, factor)
            else:
                self.register_parameter(name, nn.Parameter(factor))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to the identity, gamma 0 and beta 1; for heads and if fixed to the centrality, gamma 1 and beta 0."""
        alone = float(self.fixed or self.gamma.dim() > 0)
        nn.init.constant_(self.gamma, alone)
        nn.init.constant_(self.beta, 1 - alone)

    def forward(self, score: Tensor, centrality: Tensor) -> Tensor:
        """Scale ``score`` by ``centrality``, usually the logarithm of the in-degree.

        Args:
            score: (N,) or (N, H).
            centrality: (N,), or (N, 1) for scores by head.
        """
        return (self.gamma * centrality + self.beta) * score
