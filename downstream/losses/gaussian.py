"""The loss of a score and its variance."""

from __future__ import annotations

from torch import Tensor


def gaussian_loss(mean: Tensor, log_variance: Tensor, target: Tensor, beta: float = 0.5) -> Tensor:
    r"""Twice the negative log-likelihood of the labels as Gaussians, each node weighed by a power of its variance.

    .. math:: \frac{1}{n} \sum_v \lfloor \sigma_v^{2 \beta} \rfloor
              \left( \frac{(y_v - \mu_v)^2}{\sigma_v^2} + \log \sigma_v^2 \right)

    The brackets take no part in derivatives: Seitzer et al., "On the pitfalls of heteroscedastic uncertainty estimation
    with probabilistic neural networks", ICLR 2022, equation 4. With beta = 0 it is the likelihood itself, under
    which the mean learns little of nodes that it misses by far, as their variance is raised instead; with beta = 1 the
    mean learns as by the squared error. At a variance of 1 the loss is the squared error.

    Args:
        mean: (n,) predicted.
        log_variance: (n,) predicted.
        target: (n,) true.
        beta: from 0 to 1.

    Returns:
        () tensor.

    Example:
        >>> import torch
        >>> gaussian_loss(torch.zeros(2), torch.zeros(2), torch.tensor([1.0, 2.0]))
        tensor(2.5000)
    """
    likelihood = (target - mean).square() * (-log_variance).exp() + log_variance
    return ((beta * log_variance).exp().detach() * likelihood).mean()
