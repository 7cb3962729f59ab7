"""From the channel vectors of a node to its importance."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.layers.activations import ACTIVATIONS, check_activation
from nie.layers.centrality_scale import CentralityScale
from nie.layers.masked import masked_softmax


class ImportanceHead(nn.Module):
    r"""Score every channel of a node and mix the scores by attention over the channels.

    .. math:: s_c = \mathrm{act}(w_c \cdot h_c + b_c), \quad
              \beta = \mathrm{softmax}_c(h_c \cdot \lambda), \quad s = \sum_c \beta_c s_c

    Prediction layer of RGTN, Huang et al., KDD 2021.

    Args:
        size: size of a channel vector.
        num_channels: number of channels C.
        activation: ``"linear"``, or ``"leaky_relu"`` as published.
        scaled_channel: index of the channel (the structural one) whose score :class:`CentralityScale` scales.
        activate_mixture: put the activation on the mixture s, as the paper's eq. 13 does, and not on the channels'
            scores, as its program does.

    Raises:
        NieError: an unknown activation.

    Example:
        >>> score, by_channel = ImportanceHead(8, num_channels=2)(torch.randn(5, 2, 8))
        >>> score.shape, by_channel.shape
        (torch.Size([5]), torch.Size([5, 2]))
    """

    def __init__(
        self, size: int, num_channels: int, *, activation: str = "linear", scaled_channel: int | None = None,
        activate_mixture: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        check_activation(activation)
        self.size, self.num_channels, self.activation = size, num_channels, activation
        self.scaled_channel, self.activate_mixture = scaled_channel, activate_mixture
        self.weight = nn.Parameter(torch.empty(num_channels, size))
        self.bias = nn.Parameter(torch.empty(num_channels))
        self.mix = nn.Parameter(torch.empty(size))
        self.scale = None if scaled_channel is None else CentralityScale()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform, each vector as a map from ``size`` to one value, and zero bias."""
        bound = (6.0 / (self.size + 1)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.mix, -bound, bound)
        nn.init.zeros_(self.bias)
        if self.scale is not None:
            self.scale.reset_parameters()

    def forward(
        self, tokens: Tensor, centrality: Tensor | None = None, *, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the scores (N,) and the channels' scores (N, C) for ``tokens`` (N, C, size).

        Args:
            tokens: channel vectors.
            centrality: (N,), needed exactly with ``scaled_channel``.
            mask: (N, C) bool, the channels that a node has, one at least; by default all. The score of a missing
                channel is given as that of the node.

        Raises:
            NieError: another number of channels or another size, or a centrality that the head does not read.
        """
        score, by_channel, _ = self.mixed(tokens, centrality, mask=mask)
        return score, by_channel

    def mixed(
        self, tokens: Tensor, centrality: Tensor | None = None, *, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What `forward` returns, and the weights (N, C) of the channels in the score, 0 for a missing one."""
        if tokens.shape[1:] != (self.num_channels, self.size):
            raise NieError(f"tokens must be (N, {self.num_channels}, {self.size}); got {tuple(tokens.shape)}.")
        if (centrality is None) != (self.scale is None):
            raise NieError("centrality must be given to a head that was built with a scaled_channel, and to no other.")
        activation = ACTIVATIONS[self.activation]
        by_channel: Tensor = (tokens * self.weight).sum(-1) + self.bias  # (N, C)
        if not self.activate_mixture:
            by_channel = activation(by_channel)
        if self.scale is not None and self.scaled_channel is not None and centrality is not None:
            columns = list(by_channel.unbind(1))
            columns[self.scaled_channel] = self.scale(columns[self.scaled_channel], centrality)
            by_channel = torch.stack(columns, dim=1)
        if mask is None or bool(mask.all()):
            weight = torch.softmax(tokens @ self.mix, dim=1)  # (N, C)
            score = (weight * by_channel).sum(1)
            return (activation(score) if self.activate_mixture else score), by_channel, weight
        weight = masked_softmax(tokens @ self.mix, mask)
        score = (weight * by_channel).sum(1)
        if self.activate_mixture:
            score = activation(score)
        return score, torch.where(mask, by_channel, score[:, None]), weight
