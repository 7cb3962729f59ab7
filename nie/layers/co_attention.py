"""Attention between the channels of one node."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.layers.dropout import Dropout


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
        """Xavier-uniform attention projections; torch's defaults for the rest."""
        for linear in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (layer for layer in self.feed_forward if isinstance(layer, nn.Linear)):
            linear.reset_parameters()
        self.layer_norm.reset_parameters()
        self.batch_norm.reset_parameters()

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, C, size) for ``tokens`` (N, C, size).

        Raises:
            NieError: another number of channels or another size.
        """
        if tokens.shape[1:] != (self.num_channels, self.size):
            raise NieError(f"tokens have shape {tuple(tokens.shape)}, not (N, {self.num_channels}, {self.size}).")
        score = self.query(tokens) @ self.key(tokens).transpose(1, 2) / math.sqrt(self.size)  # (N, C, C)
        attended = torch.softmax(score, dim=-1) @ self.value(tokens)
        attended = self.layer_norm(attended + self.feed_forward(attended))
        normed: Tensor = self.batch_norm((tokens + attended).flatten(1))
        return normed.view_as(tokens)
