"""Weighted means of channels: the surer a variational encoder is of a channel, the more it counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.arguments import probability
from nie.errors import NieError
from nie.layers.dropout import Dropout
from nie.layers.masked import Fused, masked_softmax
from nie.ops.shapes import expect_sizes

EPSILON = 1e-6


class UncertaintyFusion(nn.Module):
    r"""The published form: :math:`w = \mathrm{softmax}_m\big(1 / ((s_m + \epsilon) T)\big)`.

    :math:`s_m` is the mean standard deviation of a channel's vector, :math:`\epsilon` is 1e-6. It is not scale-free:
    the same channels in other units have other weights, and a very certain channel takes everything, whatever the
    others are. :class:`InverseVarianceFusion` mends that.

    Args:
        size: H.
        num_channels: M; there are no parameters.
        temperature: T > 0.

    Raises:
        NieError: a temperature that is not positive.
    """

    def __init__(self, size: int, num_channels: int, *, temperature: float = 1.0) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        self.temperature = _positive(temperature)

    def reset_parameters(self) -> None:
        """Nothing to reset."""

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        weights = uncertainty_weights(mask, logvar, self.temperature)
        return Fused.weighted(weights, tokens)


class InverseVarianceFusion(nn.Module):
    r"""Weights by inverse variance: :math:`w = \mathrm{softmax}_m(-\overline{\log \sigma_m^2} / T)`.

    The bar is the mean over the vector's dimensions. At T = 1 the weights are proportional to :math:`1 / \sigma_m^2`,
    with the geometric mean variance of the channel: the best mean of independent measurements of one quantity. All
    variances times a constant give the same weights.

    Args:
        size: H.
        num_channels: M; there are no parameters.
        temperature: T > 0.

    Raises:
        NieError: a temperature that is not positive.

    Example:
        >>> logvar = torch.log(torch.tensor([1.0, 3.0])).view(1, 2, 1)
        >>> fusion = InverseVarianceFusion(1, 2)
        >>> fused = fusion(torch.zeros(1, 2, 1), torch.ones(1, 2, dtype=torch.bool), logvar)
        >>> (100 * fused.weights).round().tolist()
        [[75.0, 25.0]]
    """

    def __init__(self, size: int, num_channels: int, *, temperature: float = 1.0) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        self.temperature = _positive(temperature)

    def reset_parameters(self) -> None:
        """Nothing to reset."""

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        weights = masked_softmax(-logvar.mean(dim=2) / self.temperature, mask)
        return Fused.weighted(weights, tokens)


class GatedUncertaintyFusion(nn.Module):
    r"""Uncertainty and a learned gate.

    .. math:: w = \alpha \, w_{unc} + (1 - \alpha) \, \mathrm{softmax}(G [x_1; \ldots; x_M] + g)

    :math:`w_{unc}` are the weights of :class:`UncertaintyFusion`; the gate reads the means of all channels. The
    published gate has two layers, :math:`G_2 \, \mathrm{dropout}(\mathrm{GELU}(G_1 [x_1; \ldots; x_M] + g_1)) + g_2`,
    which ``gate_size`` asks for.

    Args:
        size: H.
        num_channels: M.
        alpha: share of the uncertainty, between 0 and 1.
        temperature: T > 0 of the uncertainty.
        gate_size: of the gate's hidden layer; 0 for a gate of one linear map.
        gate_drop: dropout of the hidden layer, in [0, 1).

    Raises:
        NieError: an alpha outside 0 to 1, a temperature that is not positive, or a dropout without a hidden layer.
    """

    def __init__(
        self, size: int, num_channels: int, *, alpha: float = 0.5, temperature: float = 1.0, gate_size: int = 0,
        gate_drop: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        if not 0 <= alpha <= 1:
            raise NieError(f"alpha, the share of the uncertainty, must lie between 0 and 1; got {alpha}.")
        self.alpha, self.temperature = alpha, _positive(temperature)
        expect_sizes(0, gate_size=gate_size)
        if gate_drop and not gate_size:
            raise NieError("gate_drop drops units of the gate's hidden layer; give gate_size, too.")
        layers: tuple[nn.Module, ...] = (
            nn.Linear(num_channels * size, gate_size), nn.GELU(), Dropout(probability("gate_drop", gate_drop)),
            nn.Linear(gate_size, num_channels),
        ) if gate_size else ()  # fmt: skip
        self.gate = nn.Sequential(*layers) if layers else nn.Linear(num_channels * size, num_channels)

    def reset_parameters(self) -> None:
        """Reset to torch's defaults."""
        for part in self.gate.modules():
            if isinstance(part, nn.Linear):
                part.reset_parameters()

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        gated = masked_softmax(self.gate(tokens.flatten(1)), mask)
        weights = self.alpha * uncertainty_weights(mask, logvar, self.temperature) + (1 - self.alpha) * gated
        return Fused.weighted(weights, tokens)


def uncertainty_weights(mask: Tensor, logvar: Tensor, temperature: float) -> Tensor:
    """(N, M) weights of `UncertaintyFusion`.

    >>> logvar = torch.log(torch.tensor([1.0, 0.25])).view(1, 2, 1)  # standard deviations 1 and 1/2
    >>> (100 * uncertainty_weights(torch.ones(1, 2, dtype=torch.bool), logvar, 1.0)).round().tolist()
    [[27.0, 73.0]]
    """
    deviation = torch.exp(0.5 * logvar).mean(dim=2)
    return masked_softmax(1 / ((deviation + EPSILON) * temperature), mask)


def _positive(temperature: float) -> float:
    if not temperature > 0:
        raise NieError(f"temperature must be positive; got {temperature}.")
    return temperature
