"""Means of channels: with the same weights for all nodes, with weights for each node, and after attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nie.arguments import positive
from nie.errors import NieError
from nie.layers.co_attention import CoAttention
from nie.layers.masked import Fused, masked_mean, masked_softmax
from nie.ops.shapes import expect_sizes

LEAST_WEIGHT = 1e-3
LOGITS_LR_SCALE = 10.0


class SoftmaxFusion(nn.Module):
    r"""A learned weight for each channel: :math:`v = \sum_m \mathrm{softmax}(a)_m x_m` over the channels of a node.

    The logits start as the logarithms of given weights, which are raised to 1e-3 at least. They are few and their
    gradients are small, so that they have a learning rate of their own: `nie.training.loop` multiplies it by what
    ``lr_scales`` says. Weight decay, where there is any, draws them to equal weights.

    Args:
        size: H.
        num_channels: M.
        weights: M positive weights to start from; equal ones by default.
        lr: learning rate of the logits, in shares of that of the rest.

    Raises:
        NieError: another number of weights, or one that is not positive and finite; a learning rate that is not.

    Example:
        >>> fusion = SoftmaxFusion(4, 2, weights=[3.0, 1.0])
        >>> (100 * fusion(torch.ones(1, 2, 4), torch.ones(1, 2, dtype=torch.bool)).weights).round().tolist()
        [[75.0, 25.0]]
    """

    def __init__(
        self, size: int, num_channels: int, *, weights: Sequence[float] | None = None, lr: float = LOGITS_LR_SCALE
    ) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        given = [1.0] * num_channels if weights is None else weights
        start = torch.tensor(given, dtype=torch.float32)
        if start.shape != (num_channels,) or not bool((start.isfinite() & (start > 0)).all()):
            raise NieError(f"weights must be {num_channels} positive numbers, one for each channel; got {weights}.")
        self.start = start
        self.logits = nn.Parameter(torch.empty(num_channels))
        self.lr_scales = {"logits": positive("lr", lr)}
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset the weights to those given."""
        with torch.no_grad():
            self.logits.copy_(self.start.clamp(min=LEAST_WEIGHT).log())

    def weights(self) -> list[float]:
        """The weights of the M channels, as they are now, for a node that has all of them."""
        weights: list[float] = self.logits.detach().softmax(dim=0).tolist()
        return weights

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None = None) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        weights = masked_softmax(self.logits.expand(mask.shape), mask)
        return Fused.weighted(weights, tokens)


class AttentionFusion(nn.Module):
    r"""Weights by a scorer that all channels share.

    .. math:: a_m = q \cdot \tanh(W x_m + b), \quad v = \sum_m \mathrm{softmax}(a)_m x_m

    Additive attention (Bahdanau et al., 2015) with a learned query, as in heterogeneous graph attention networks (HAN,
    Wang et al., WWW 2019, eq. 7 to 9), for each node instead of once for all.

    Args:
        size: H.
        num_channels: M, which no parameter depends on.
    """

    def __init__(self, size: int, num_channels: int) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        self.key = nn.Linear(size, size)
        self.query = nn.Parameter(torch.empty(size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform, the query as a map from ``size`` to one value."""
        nn.init.xavier_uniform_(self.key.weight)
        nn.init.zeros_(self.key.bias)
        nn.init.xavier_uniform_(self.query[None])

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None = None) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        weights = masked_softmax(torch.tanh(self.key(tokens)) @ self.query, mask)
        return Fused.weighted(weights, tokens)


class CoAttentionFusion(nn.Module):
    """:class:`nie.layers.CoAttention`, RGTN's own; the vector is the mean of the tokens that a node has.

    Args:
        size: H.
        num_channels: M.
        dropout: probability after the feed-forward network.
    """

    def __init__(self, size: int, num_channels: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.co_attention = CoAttention(size, num_channels, dropout=dropout)

    def reset_parameters(self) -> None:
        """Reset the co-attention."""
        self.co_attention.reset_parameters()

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None = None) -> Fused:
        """See :class:`ChannelFusion`."""
        attended = self.co_attention(tokens, mask)
        return Fused(masked_mean(attended, mask), None, attended)
