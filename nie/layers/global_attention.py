"""Attention of every node to all nodes of a graph, linear in their number."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers.graph_layer import by_rows
from nie.ops.all_nodes import whole_sum
from nie.ops.shapes import expect_sizes


class GlobalAttention(nn.Module):
    r"""Multi-head attention of every node to every node, at a cost of O(N·size²) instead of O(N²).

    .. math:: \mathrm{out}_n = \frac{\phi(q_n) \sum_m \phi(k_m)^T v_m}{\phi(q_n) \cdot \sum_m \phi(k_m)}, \quad
              \phi(x) = \mathrm{elu}(x) + 1

    with :math:`q = x W_q, k = x W_k, v = x W_v` by head. The sums over all nodes m are computed once; each node reads
    them by its own query. The weights are positive and add up to 1, so that a node gets a mean of all nodes' values.
    Edges play no part. Linear attention of Katharopoulos et al., ICML 2020, as graph transformers use it (SGFormer, Wu
    et al., NeurIPS 2023; Polynormer, Deng et al., ICLR 2024).

    Args:
        in_size: size of the node features.
        head_size, num_heads: size and number of the heads.

    Example:
        >>> graph, feat = dgl.graph(([0, 1], [1, 2])), torch.randn(3, 5)
        >>> layer = GlobalAttention(5, head_size=4, num_heads=2)
        >>> layer(graph, feat).shape
        torch.Size([3, 2, 4])
        >>> alike = layer(graph, torch.ones(3, 5))  # the mean of equal values
        >>> torch.allclose(alike.flatten(1), layer.value(torch.ones(3, 5)), atol=1e-6)
        True
    """

    def __init__(self, in_size: int, head_size: int, num_heads: int = 1) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, head_size=head_size, num_heads=num_heads)
        self.num_heads = num_heads
        size = head_size * num_heads
        self.query = nn.Linear(in_size, size, bias=False)
        self.key = nn.Linear(in_size, size, bias=False)
        self.value = nn.Linear(in_size, size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform projections."""
        for linear in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, graph: dgl.DGLGraph, feat: Tensor) -> Tensor:
        """Return (N, num_heads, head_size).

        Args:
            graph: the whole graph, whose nodes ``feat`` (N, in_size) belongs to.
            feat: features of all its nodes.

        Raises:
            NieError: a sampled block instead of a whole graph.
        """
        key, value = self._positive(self.key, feat), self._by_head(self.value, feat)
        pairs = whole_sum(graph, torch.einsum("nhd,nhe->hde", key, value))
        keys = whole_sum(graph, key.sum(dim=0))

        def read(rows: Tensor) -> Tensor:
            query = self._positive(self.query, rows)
            paid = torch.einsum("nhd,hd->nh", query, keys)
            return torch.einsum("nhd,hde->nhe", query, pairs) / paid[..., None].clamp(min=1e-12)

        return by_rows(read, feat)

    def _by_head(self, project: nn.Linear, feat: Tensor) -> Tensor:
        made: Tensor = project(feat)
        return made.view(len(feat), self.num_heads, -1)

    def _positive(self, project: nn.Linear, feat: Tensor) -> Tensor:
        return F.elu(self._by_head(project, feat)) + 1
