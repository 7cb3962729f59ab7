"""Fusion of an entity's channels that depends on the relation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.layers.masked import masked_softmax
from nie.ops.shapes import expect_sizes


class RelationGuidedFusion(nn.Module):
    r"""Attention over an entity's channels whose sharpness is the relation's own.

    .. math:: w_m = \mathrm{softmax}_m(p_m \cdot \tanh(x_m) / T_r), \quad T_r = \exp(t_r)

    After AdaMF (Zhang et al., LREC-COLING 2024, equation 4). There the temperature is a sigmoid and so below 1; here a
    relation may also weigh all channels alike. All :math:`t_r` start at 0 and all :math:`p_m` at 0, which is the mean
    of the channels.

    Args:
        size: H, of a channel's vector.
        num_channels: M.
        num_relations: R.

    Example:
        >>> fusion = RelationGuidedFusion(4, 2, 3)
        >>> mask = torch.tensor([[True, True], [True, False]])
        >>> fusion(torch.randn(2, 2, 4), mask, torch.tensor([0, 2])).shape
        torch.Size([2, 4])
    """

    def __init__(self, size: int, num_channels: int, num_relations: int) -> None:
        super().__init__()
        expect_sizes(size=size, num_channels=num_channels, num_relations=num_relations)
        self.direction = nn.Parameter(torch.empty(num_channels, size))
        self.log_temperature = nn.Parameter(torch.empty(num_relations))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to zeros, which are equal weights at temperature 1."""
        nn.init.zeros_(self.direction)
        nn.init.zeros_(self.log_temperature)

    def forward(self, tokens: Tensor, mask: Tensor, relations: Tensor) -> Tensor:
        """Fuse tokens (N, M, H) with a mask (N, M) to (N, H), by a relation for each (N,), or one for all ()."""
        score = (self.direction * torch.tanh(tokens)).sum(dim=2)
        temperature = self.log_temperature[relations].exp()
        weights = masked_softmax(score / (temperature if temperature.dim() == 0 else temperature[:, None]), mask)
        return (weights[..., None] * tokens).sum(dim=1)
