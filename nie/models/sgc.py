"""SGC, simplified graph convolution."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers import Dropout
from nie.models.convolutional import same_device
from nie.models.outputs import ImportanceScores, side_by_side


class SGC(nn.Module):
    r"""A linear map of features that are averaged ``num_hops`` times over neighbours: :math:`\hat A^K X w + b`.

    Wu et al., "Simplifying Graph Convolutional Networks", ICML 2019, with :math:`\hat A = D^{-1/2} A D^{-1/2}` of the
    given graph. Since the map is linear it goes first, and one number a node is averaged instead of all features.

    Args:
        channel_sizes: size of the features by channel; read side by side.
        num_relations: not looked at.
        num_hops: K.
        feat_drop: dropout probability of the features.

    Example:
        >>> import torch
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = SGC(channel_sizes={"structural": 4}, num_relations=7)
        >>> model(graph, {"structural": torch.randn(3, 4)}, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    def __init__(
        self, *, channel_sizes: Mapping[str, int], num_relations: int, num_hops: int = 2, feat_drop: float = 0.3
    ) -> None:
        super().__init__()
        self.channels, self.num_hops = tuple(channel_sizes), num_hops
        self.drop = Dropout(feat_drop)
        self.linear = nn.Linear(sum(channel_sizes.values()), 1, bias=False)
        self.bias = nn.Parameter(self.linear.weight.new_zeros(()))
        self.hop = dgl.nn.GraphConv(1, 1, weight=False, bias=False, allow_zero_in_degree=True)

    def reset_parameters(self) -> None:
        """Torch's default of a linear layer, and zero bias."""
        self.linear.reset_parameters()
        nn.init.zeros_(self.bias)

    def forward(self, graph: dgl.DGLGraph, feats: Mapping[str, Tensor], etype: Tensor) -> ImportanceScores:
        """Return the scores of all nodes; ``etype`` is not looked at."""
        score = self.linear(self.drop(side_by_side(feats, self.channels)))
        for _ in range(self.num_hops):
            score = self.hop(same_device(graph, score), score)
        return ImportanceScores.of(score.squeeze(1) + self.bias)
