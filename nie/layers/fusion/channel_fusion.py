"""From the channels of a node to one vector, by any method of fusion."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from nie.errors import NieError, nearest, shown
from nie.fusions import FUSIONS
from nie.layers.masked import Fused, check_tokens, hide
from nie.ops.shapes import expect_sizes


class ChannelFusion(nn.Module):
    """Fuse the channels that each node has into one vector.

    This holds for every method: a missing channel cannot change any output; one channel alone (M = 1) is its own
    fusion; a node that has no channel gets a learned null vector, weights 0 and tokens 0.

    Args:
        method: a key of `nie.fusions.FUSIONS`.
        size: size H of a channel's vector.
        num_channels: M, at least 1.
        settings: settings of the method, which its class names.

    Raises:
        NieError: an unknown method or setting, a setting of another kind, or no channel.

    Example:
        >>> fusion = ChannelFusion("attention", 8, 3)
        >>> mask = torch.tensor([[True, True, False], [False, False, False]])
        >>> fused = fusion(torch.randn(2, 3, 8), mask)
        >>> fused.vector.shape, fused.weights.sum(1).round().tolist()
        (torch.Size([2, 8]), [1.0, 0.0])
    """

    def __init__(self, method: str, size: int, num_channels: int, **settings: Any) -> None:
        super().__init__()
        if method not in FUSIONS:
            raise NieError(f"There is no fusion {method!r}{nearest(method, FUSIONS)}; use one of {', '.join(FUSIONS)}.")
        expect_sizes(size=size, num_channels=num_channels)
        self.method, self.size, self.num_channels = method, size, num_channels
        self.null = nn.Parameter(torch.empty(size))
        nn.init.zeros_(self.null)
        parameters = inspect.signature(FUSIONS[method].layer).parameters
        known = [name for name in parameters if name not in ("size", "num_channels")]
        for name in settings:
            if name not in known:
                raise NieError(f"The fusion {method} has no setting {name!r}{nearest(name, known)}.")
        try:
            self.fusion = FUSIONS[method].layer(size, num_channels, **settings) if num_channels > 1 else None
        except NieError as error:  # which names a setting, and other parts of a model have settings of the same name
            raise NieError(f"Of the settings of the fusion {method}, {error}") from error
        except TypeError as error:  # such as a list in the place of a number
            raise NieError(f"The fusion {method} cannot be made with these settings: {shown(settings)}.") from error

    def reset_parameters(self) -> None:
        """Set the null vector to 0, and reset the method."""
        nn.init.zeros_(self.null)
        if self.fusion is not None:
            self.fusion.reset_parameters()

    def forward(self, tokens: Tensor, mask: Tensor | None = None, *, logvar: Tensor | None = None) -> Fused:
        """Fuse the channels of every node.

        Args:
            tokens: (N, M, H), a vector for each channel.
            mask: (N, M) bool, the channels that a node has; None for all.
            logvar: (N, M, H), log-variances of the tokens; needed by the methods that weigh by uncertainty.

        Raises:
            NieError: shapes that do not fit, or no logvar where one is needed.
        """
        mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool) if mask is None else mask
        check_tokens(tokens, mask, self.size, self.num_channels, logvar)
        tokens = hide(tokens, mask)
        if self.fusion is None:
            fused = Fused(tokens[:, 0], mask.to(tokens), tokens)
        else:
            if logvar is None and FUSIONS[self.method].needs_logvar:
                raise NieError(
                    f"The fusion {self.method} weighs by uncertainty and needs logvar; use variational encoders."
                )
            fused = self.fusion(tokens, mask, None if logvar is None else hide(logvar, mask))
        vector = torch.where(mask.any(dim=1, keepdim=True), fused.vector, self.null)
        return Fused(vector, fused.weights, hide(fused.tokens, mask))

    def extra_repr(self) -> str:
        return f"method={self.method}, size={self.size}, num_channels={self.num_channels}"
