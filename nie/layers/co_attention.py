"""Attention between the channels of one node."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nie.errors import NieError
from nie.layers.dropout import Dropout
from nie.layers.masked import hide, masked_softmax
from nie.ops.shapes import expect_sizes


class CoAttention(nn.Module):
    r"""Let the channel vectors of a node (structural, semantic, ...) attend to each other.

    The C channel vectors of a node are C tokens :math:`h` (C, size):

    .. math:: a = \mathrm{softmax}(h W_q (h W_k)^T / \sqrt{size}) \, h W_v, \quad
              b = \mathrm{LayerNorm}(a + \mathrm{FFN}(a)), \quad
              \mathrm{out}_c = \mathrm{BatchNorm}_c(h_c + b_c)

    with a feed-forward network size → size/2 → size (ReLU, dropout), and one batch norm per channel.
    Co-attention module of RGTN, Huang et al., KDD 2021.

    Args:
        size: size of a channel vector.
        num_channels: number of channels C; with one channel the attention is the identity weight.
        dropout: probability after the feed-forward network.

    Example:
        >>> CoAttention(8, num_channels=2)(torch.randn(5, 2, 8)).shape
        torch.Size([5, 2, 8])
    """

    def __init__(self, size: int, num_channels: int = 2, *, dropout: float = 0.1) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels)
        self.size, self.num_channels = size, num_channels
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)
        self.value = nn.Linear(size, size, bias=False)
        hidden = max(size // 2, 1)
        self.feed_forward = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, size), Dropout(dropout))
        self.layer_norm = nn.LayerNorm(size)
        # One norm over C·size columns is one norm per channel.
        self.batch_norm = nn.BatchNorm1d(num_channels * size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform attention projections and torch's defaults for the rest."""
        for linear in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (layer for layer in self.feed_forward if isinstance(layer, nn.Linear)):
            linear.reset_parameters()
        self.layer_norm.reset_parameters()
        self.batch_norm.reset_parameters()

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (N, C, size) for ``tokens`` (N, C, size).

        Args:
            tokens: channel vectors.
            mask: (N, C) bool, the channels that a node has; by default all. A missing channel is attended to by no
                other, is 0 in the result and plays no part in the batch norms. In training, a batch norm needs two
                nodes that have its channel; with fewer, its running statistics are used.

        Raises:
            NieError: another number of channels or another size.
        """
        tokens, partial = self._checked(tokens, mask)
        attended = self._weights(tokens, partial) @ self.value(tokens)
        attended = self.layer_norm(attended + self.feed_forward(attended))
        if partial is None and self.training and len(tokens) < 2:  # which the batch norm of torch refuses
            partial = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        if partial is not None:
            return self._normed_where(tokens + attended, partial)
        normed: Tensor = self.batch_norm((tokens + attended).flatten(1))
        return normed.view_as(tokens)

    def attention(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, C, C) how much each channel attends to each; the arguments are those of the layer itself.

        >>> mask = torch.tensor([[True, False]])
        >>> CoAttention(8, num_channels=2).attention(torch.randn(1, 2, 8), mask)[0, 0].tolist()
        [1.0, 0.0]
        """
        return self._weights(*self._checked(tokens, mask))

    def _checked(self, tokens: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The tokens, without those that are missing, and the mask where there are such."""
        if tokens.shape[1:] != (self.num_channels, self.size):
            raise NieError(f"tokens must be (N, {self.num_channels}, {self.size}); got {tuple(tokens.shape)}.")
        partial = None if mask is None or bool(mask.all()) else mask
        return tokens if partial is None else hide(tokens, partial), partial

    def _weights(self, tokens: Tensor, partial: Tensor | None) -> Tensor:
        score = self.query(tokens) @ self.key(tokens).transpose(1, 2) / math.sqrt(self.size)  # (N, C, C)
        keys = None if partial is None else partial[:, None].expand_as(score)
        return torch.softmax(score, dim=-1) if keys is None else masked_softmax(score, keys)

    def _normed_where(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The batch norm of every channel over the nodes that have it; 0 elsewhere."""
        norm, columns = self.batch_norm, []
        mean, variance, momentum = norm.running_mean, norm.running_var, norm.momentum
        assert mean is not None
        assert variance is not None
        assert momentum is not None
        for channel, has_channel in enumerate(mask.unbind(1)):
            part = slice(channel * self.size, (channel + 1) * self.size)
            normed = F.batch_norm(
                tokens[has_channel, channel], mean[part], variance[part], norm.weight[part],
                norm.bias[part], self.training and int(has_channel.sum()) > 1, momentum, norm.eps,
            )  # fmt: skip
            columns.append(tokens.new_zeros(len(tokens), self.size).index_put((has_channel,), normed))
        return torch.stack(columns, dim=1)
