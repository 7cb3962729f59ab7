"""A proxy of all channels that attends to each of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.layers.dropout import Dropout
from nie.layers.masked import Fused, masked_mean, masked_softmax
from nie.ops.shapes import expect_sizes


class ProxyAttentionFusion(nn.Module):
    r"""The mean of a node's channels attends over the channels.

    .. math:: p = \overline{x_m}, \quad h = \mathrm{LN}(p + W_o \, \mathrm{attention}(p, x, x)), \quad
              v = \mathrm{LN}(h + \mathrm{FFN}(h))

    with multi-head attention and a feed-forward network size → 2·size → size (GELU, dropout). The weights are the mean
    over the heads.

    Args:
        size: H, a multiple of ``num_heads``.
        num_channels: M, which no parameter depends on.
        num_heads: heads of the attention.
        dropout: probability after the feed-forward network.

    Raises:
        NieError: a size that is no multiple of the heads.
    """

    def __init__(self, size: int, num_channels: int, *, num_heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels, num_heads=num_heads)
        if size % num_heads:
            raise NieError(f"num_heads must divide the size {size}; got {num_heads}.")
        self.num_heads = num_heads
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)
        self.value = nn.Linear(size, size, bias=False)
        self.out = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size), Dropout(dropout)
        )
        self.feed_forward_norm = nn.LayerNorm(size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform attention projections and torch's defaults for the rest."""
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(self.out.bias)
        for part in (*self.feed_forward, self.norm, self.feed_forward_norm):
            if isinstance(part, (nn.Linear, nn.LayerNorm)):
                part.reset_parameters()

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None = None) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`."""
        proxy = masked_mean(tokens, mask)
        heads = (self.num_heads, -1)
        query = self.query(proxy).unflatten(1, heads)  # (N, K, D)
        key, value = (project(tokens).unflatten(2, heads) for project in (self.key, self.value))  # (N, M, K, D)
        score = torch.einsum("nkd,nmkd->nkm", query, key) / query.shape[2] ** 0.5
        weights = masked_softmax(score, mask[:, None].expand_as(score))  # (N, K, M)
        attended = torch.einsum("nkm,nmkd->nkd", weights, value).flatten(1)
        h = self.norm(proxy + self.out(attended))
        return Fused(self.feed_forward_norm(h + self.feed_forward(h)), weights.mean(dim=1), tokens)
