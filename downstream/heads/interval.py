"""How sure a network is of each of its scores: a head for the variance of the label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from downstream.heads.hidden_size import hidden_size
from nie.models import ImportanceScores

BOUND = 7.0
"""Log-variances lie between plus and minus this: deviations between 0.03 and 33 times the unit of the label scale."""


class VarianceHead(nn.Module):
    r"""The logarithm of the variance of a node's label, from the vector h that its score is read from.

    .. math:: \log \sigma^2 = w \cdot h + b

    Nix and Weigend, "Estimating the mean and variance of the target probability distribution", ICNN 1994.

    Args:
        size: of h.

    Example:
        >>> import torch
        >>> VarianceHead(8)(torch.randn(5, 8)).tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to the variance 1 everywhere, from where the mean is learned as by the squared error."""
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """The log-variances (N,) of ``hidden`` (N, size), within `BOUND`."""
        log_variance: Tensor = self.linear(hidden)[:, 0]
        return log_variance.clamp(-BOUND, BOUND)


def with_variance(model: nn.Module, channel_sizes: Mapping[str, int]) -> nn.Module:
    """A network whose outputs have a ``log_variance``, by a `VarianceHead` among its modules.

    Args:
        model: as `nie.models` describes it; changed in place.
        channel_sizes: size of the features by channel.

    Raises:
        NieError: its outputs have no ``hidden``.
    """
    size = hidden_size(model, channel_sizes, "loss.value gaussian reads the variance from")
    model.add_module("variance_head", VarianceHead(size))
    model.register_forward_hook(_add_log_variance)
    return model


def _add_log_variance(model: nn.Module, _inputs: Any, outputs: ImportanceScores) -> ImportanceScores:
    assert outputs.hidden is not None
    head: Any = model.variance_head
    return replace(outputs, log_variance=head(outputs.hidden))
