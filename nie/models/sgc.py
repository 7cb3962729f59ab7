"""SGC, simplified graph convolution."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nie.layers import Dropout
from nie.layers.graph_conv import SymmetricMean
from nie.layers.graph_layer import by_rows
from nie.models.blocks import Degrees, EdgeTypes, Graphs, per_layer
from nie.models.outputs import ImportanceScores, side_by_side
from nie.ops.shapes import expect_sizes


class SGC(nn.Module):
    r"""A linear map of features that are averaged ``num_hops`` times over neighbours: :math:`\hat A^K X w + b`.

    Wu et al., "Simplifying Graph Convolutional Networks", ICML 2019, with :math:`\hat A = D^{-1/2} A D^{-1/2}` of the
    given graph. Since the map is linear it comes first, so that one number of each node is averaged and not all
    features.

    Args:
        channel_sizes: size of the features by channel; read side by side.
        num_relations: not looked at.
        num_hops: K.
        feat_drop: dropout probability of the features.
        tier_outputs: size of a further linear map of the averaged features, for tiers of importance; 0 for none.

    Example:
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = SGC(channel_sizes={"structural": 4}, num_relations=7)
        >>> model(graph, {"structural": torch.randn(3, 4)}, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    def __init__(
        self, *, channel_sizes: Mapping[str, int], num_relations: int, num_hops: int = 2, feat_drop: float = 0.3,
        tier_outputs: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(num_relations=num_relations)
        expect_sizes(0, num_hops=num_hops, tier_outputs=tier_outputs)
        self.channels, self.num_hops = tuple(channel_sizes), num_hops
        in_size = sum(channel_sizes.values())
        self.drop, self.average = Dropout(feat_drop), SymmetricMean()
        self.linear = nn.Linear(in_size, 1, bias=False)
        self.bias = nn.Parameter(self.linear.weight.new_zeros(()))
        self.tier_head = nn.Linear(in_size, tier_outputs, bias=False) if tier_outputs else None
        self.tier_bias = nn.Parameter(self.linear.weight.new_zeros(tier_outputs)) if tier_outputs else None

    def reset_parameters(self) -> None:
        """Reset to torch's default of a linear layer and zero bias."""
        self.linear.reset_parameters()
        nn.init.zeros_(self.bias)
        if self.tier_head is not None and self.tier_bias is not None:
            self.tier_head.reset_parameters()
            nn.init.zeros_(self.tier_bias)

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, *, degrees: Degrees | None = None
    ) -> ImportanceScores:
        """Return the scores of all nodes, or of the last block's destinations.

        Args:
            graph: one graph, or a sequence of ``num_hops`` blocks.
            feats: features by channel (N, size); with blocks, of the source nodes of the first.
            etype: not looked at.
            degrees: degrees of the whole graph; give them with blocks.

        Raises:
            NieError: a channel is missing, or shapes do not fit.
        """
        x = self.drop(side_by_side(feats, self.channels))
        mapped = by_rows(self._mapped, x)
        for block, _ in per_layer(graph, etype, self.num_hops):
            mapped = self.average(block, mapped, *(() if degrees is None else degrees.of_block(block)))
        tiers = None if self.tier_bias is None else mapped[:, 1:] + self.tier_bias
        return ImportanceScores.of(mapped[:, 0] + self.bias, tier_logits=tiers)

    def _mapped(self, x: Tensor) -> Tensor:
        """(N, columns) what is averaged."""
        mapped: Tensor = self.linear(x)
        return mapped if self.tier_head is None else torch.cat([mapped, self.tier_head(x)], dim=1)
