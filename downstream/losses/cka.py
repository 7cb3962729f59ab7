"""How unlike two representations of the same nodes are, as a loss."""

from __future__ import annotations

from torch import Tensor

LEAST = 1e-12
"""Of the product of norms, where all rows of one side are equal."""


def cka_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    r"""One less the linear CKA of two representations (`nie.cka.linear_cka`), from 0 to 1.

    .. math:: 1 - \frac{\lVert Y^T X \rVert_F^2}{\lVert X^T X \rVert_F \, \lVert Y^T Y \rVert_F}

    with the mean of every column taken off. Kornblith et al., ICML 2019, section 3.

    Args:
        ours: (n, d).
        theirs: (n, e), of the same nodes.

    Returns:
        () tensor; 1 where all rows of one side are equal.

    >>> import torch
    >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    >>> abs(cka_loss(x, 2 * x[:, [1, 0, 2]] + 7).item()) < 1e-6
    True
    """
    first, second = (each - each.mean(dim=0) for each in (ours, theirs))
    norms = (first.T @ first).norm() * (second.T @ second).norm()
    alike: Tensor = (second.T @ first).square().sum() / norms.clamp(min=LEAST)
    return 1 - alike
