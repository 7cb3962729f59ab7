"""Channels that read each other: the modal collaborative extractor."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nie.errors import NieError
from nie.layers.dropout import Dropout
from nie.layers.masked import Fused, hide, masked_mean, masked_softmax
from nie.ops.shapes import expect_sizes


class CrossModalTransformer(nn.Module):
    r"""Refine every channel's token by the others, starting as the identity.

    The M tokens of a node, each with a learned embedding of its channel, are one sequence. Each channel m has its own
    stack of Transformer layers over this sequence, of whose output its own place is read. That vector then attends to
    all tokens, the two results are fused, and a refinement that all channels share follows:

    .. math:: s_m = \mathrm{stack}_m(x_1, \ldots, x_M)_m, \quad c_m = \mathrm{attention}_m(s_m, x, x), \quad
              r_m = x_m + W_0 \, \mathrm{FFN}(\mathrm{LN}(F_m [s_m; c_m]))

    :math:`W_0` starts at 0, so that at step 0 the tokens are unchanged and training can switch the extractor on later.
    The vector is the mean of a node's refined tokens.

    The published program gives each channel's stack its own token alone, and lets it attend to the *one* token of
    another channel. A softmax over one key is 1 whatever the query is, so that queries and keys never get a gradient
    and no attention takes place. ``literal`` keeps this form for ablations, with the next channel that a node has as
    the other one.

    Args:
        size: H, a multiple of ``num_heads``.
        num_channels: M.
        num_heads: heads of every attention.
        num_layers: layers of a channel's stack.
        dropout: probability in the stacks and after the refinement.
        literal: the published form.
        checkpoint: keep no activations of the stacks in training, and compute them again in the backward pass: less
            memory for about a third more time.

    Raises:
        NieError: a size that is no multiple of the heads.

    Example:
        >>> fusion = CrossModalTransformer(8, 3).eval()
        >>> tokens, mask = torch.randn(5, 3, 8), torch.ones(5, 3, dtype=torch.bool)
        >>> torch.equal(fusion.refined(tokens, mask), tokens)
        True
        >>> fusion.attention(tokens, mask).shape
        torch.Size([5, 3, 3])
    """

    def __init__(
        self, size: int, num_channels: int, *, num_heads: int = 4, num_layers: int = 1, dropout: float = 0.1,
        literal: bool = False, checkpoint: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels, num_heads=num_heads, num_layers=num_layers)
        self.literal, self.checkpoint = literal, checkpoint
        self.channel = nn.Parameter(torch.empty(num_channels, size))
        self.stacks = nn.ModuleList(
            nn.ModuleList(_Layer(size, num_heads, dropout) for _ in range(num_layers)) for _ in range(num_channels)
        )
        self.cross = nn.ModuleList(_Attention(size, num_heads) for _ in range(num_channels))
        self.fuse = nn.ModuleList(nn.Linear(2 * size, size) for _ in range(num_channels))
        self.refine = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), Dropout(dropout))
        self.out = nn.Linear(2 * size, size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to channel embeddings of deviation 0.02, a zero last map, and torch's defaults for the rest."""
        for part in self.modules():
            if isinstance(part, (nn.Linear, nn.LayerNorm)):
                part.reset_parameters()
        nn.init.normal_(self.channel, std=0.02)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None = None) -> Fused:
        """See :class:`nie.layers.fusion.ChannelFusion`. The weights are the mean attention that a channel gets."""
        refined, attention = self._run(tokens, mask)
        given = mask.sum(dim=1, keepdim=True).clamp(min=1)
        return Fused(masked_mean(refined, mask), hide(attention, mask).sum(dim=1) / given, refined)

    def refined(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The (N, M, H) refined tokens."""
        return self._run(tokens, mask)[0]

    def attention(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(N, M, M) how much each channel attends to each, mean over the heads of the attention across channels."""
        return self._run(tokens, mask)[1]

    def _run(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        given = hide(tokens + self.channel, mask)
        again = self.checkpoint and self.training and torch.is_grad_enabled()
        refined, weights = [], []
        for m in range(len(self.stacks)):
            change, weight = (
                checkpoint(self._of_channel, m, given, mask, use_reentrant=False)
                if again
                else self._of_channel(m, given, mask)
            )
            refined.append(tokens[:, m] + change)
            weights.append(weight)
        return torch.stack(refined, dim=1), torch.stack(weights, dim=1)

    def _of_channel(self, m: int, given: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H) what is added to the token of channel m, and (N, M) how it attends to all."""
        seen, sequence, stack = _only(mask, m) if self.literal else mask, given, self.stacks[m]
        assert isinstance(stack, nn.ModuleList)
        for layer in stack:
            sequence = layer(sequence, seen)
        own = sequence[:, m]
        across, weight = self.cross[m](own[:, None], given, _next_channel(mask, m) if self.literal else mask)
        fused = self.fuse[m](torch.cat([own, across[:, 0]], dim=1))
        return self.out(self.refine(fused)), weight[:, 0]


class _Attention(nn.Module):
    """Multi-head attention with a mask over the keys, which may hide all of them; also gives its weights."""

    def __init__(self, size: int, num_heads: int) -> None:
        super().__init__()
        if size % num_heads:
            raise NieError(f"num_heads must divide the size {size}; got {num_heads}.")
        self.num_heads = num_heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size, bias=False)
        self.value = nn.Linear(size, size)
        self.out = nn.Linear(size, size)

    def forward(self, queries: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(N, Q, H) for queries (N, Q, H) over tokens (N, M, H), and weights (N, Q, M)."""
        heads = (self.num_heads, -1)
        query, key, value = (
            project(x).unflatten(2, heads).transpose(1, 2)  # (N, K, Q or M, D)
            for project, x in ((self.query, queries), (self.key, tokens), (self.value, tokens))
        )
        score = query @ key.transpose(2, 3) / query.shape[3] ** 0.5
        weights = masked_softmax(score, mask[:, None, None].expand_as(score))
        return self.out((weights @ value).transpose(1, 2).flatten(2)), weights.mean(dim=1)


class _Layer(nn.Module):
    """A Transformer layer, norms first (Xiong et al., ICML 2020)."""

    def __init__(self, size: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.attention = _Attention(size, num_heads)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size), Dropout(dropout)
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed, mask)[0]
        out: Tensor = tokens + self.feed_forward(tokens)
        return out


def _only(mask: Tensor, channel: int) -> Tensor:
    """The mask that leaves one channel alone."""
    only = torch.zeros_like(mask)
    only[:, channel] = mask[:, channel]
    return only


def _next_channel(mask: Tensor, channel: int) -> Tensor:
    """The mask of the channel after this one, in a circle, among those that a node has, which may be itself."""
    num_channels = mask.shape[1]
    order = [(channel + step) % num_channels for step in range(1, num_channels + 1)]
    has_channel = mask[:, order]
    first = has_channel & (has_channel.cumsum(dim=1) == 1)
    chosen = torch.zeros_like(mask)
    chosen[:, order] = first
    return chosen
