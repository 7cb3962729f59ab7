"""Predicate-aware graph attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nie.arguments import finite, probability
from nie.dgl_compat import dgl
from nie.layers.endpoints import Features, check_relations, endpoints
from nie.layers.graph_layer import GraphLayer
from nie.ops.attention import attend_additively
from nie.ops.shapes import expect_sizes


class PreGATConv(GraphLayer):
    r"""Graph attention that sees the relation (predicate) of an edge.

    For an edge u→v of relation r and every head, with :math:`z = W x`:

    .. math:: e = \mathrm{LeakyReLU}(a_{src} \cdot z_u + a_{rel} \cdot p_r + a_{dst} \cdot z_v), \quad
              \alpha = \mathrm{softmax}_v(e), \quad \mathrm{out}_v = \sum_{u \to v} \alpha z_u

    Zhang et al., "Label Informed Contrastive Pretraining for Node Importance Estimation on Knowledge Graphs",
    TNNLS 2024, arXiv 2402.17791. With ``rel_size=0`` it is plain GAT (Veličković et al., ICLR 2018). Self-loops,
    activation, residual and feature dropout are the model's business; a node without in-edges gets zeros.

    Args:
        in_size: size of the node features.
        out_size: size of the output of each head.
        rel_size: size of the relation embeddings; 0 leaves relations out.
        num_heads: number of heads H.
        negative_slope: slope of the LeakyReLU below 0.
        attn_drop: dropout probability of the attention weights, in training.

    Raises:
        NieError: a size, slope or dropout that is none.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> conv = PreGATConv(5, 4, rel_size=3, num_heads=2)
        >>> conv(graph, torch.ones(3, 5), torch.ones(7, 3), torch.tensor([0, 6, 6])).shape
        torch.Size([3, 2, 4])
    """

    def __init__(
        self,
        in_size: int,
        out_size: int,
        rel_size: int,
        num_heads: int = 1,
        *,
        negative_slope: float = 0.01,
        attn_drop: float = 0.0,
    ) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, out_size=out_size, num_heads=num_heads)
        expect_sizes(0, rel_size=rel_size)
        self.in_size, self.out_size, self.rel_size, self.num_heads = in_size, out_size, rel_size, num_heads
        self.negative_slope = finite("negative_slope", negative_slope)
        self.attn_drop = probability("attn_drop", attn_drop)
        self.project = nn.Linear(in_size, num_heads * out_size, bias=False)
        self.attn_src = nn.Parameter(torch.empty(num_heads, out_size))
        self.attn_dst = nn.Parameter(torch.empty(num_heads, out_size))
        self.attn_rel = nn.Parameter(torch.empty(num_heads, rel_size)) if rel_size else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-normal; the three attention vectors are drawn as the one that the paper splits into them."""
        gain = nn.init.calculate_gain("relu")
        nn.init.xavier_normal_(self.project.weight, gain)
        std = gain * math.sqrt(2.0 / (2 * self.out_size + self.rel_size + 1))
        for vector in (self.attn_src, self.attn_dst, self.attn_rel):
            if vector is not None:
                nn.init.normal_(vector, std=std)

    def forward(
        self, graph: dgl.DGLGraph, feat: Features, rel: Tensor | None = None, etype: Tensor | None = None
    ) -> Tensor:
        """Return (N_dst, H, out_size).

        Args:
            graph: homogeneous graph or block.
            feat: (N_src, in_size), the first N_dst rows being the destinations in a block; or a pair (source,
                destination) of feature tensors.
            rel: relation table (R, rel_size).
            etype: (E,) relation of every edge.

        Raises:
            NieError: shapes that do not fit the graph or the layer.
        """
        drop = self.attn_drop if self.training else 0.0
        return attend_additively(*self._inputs(graph, feat, rel, etype), attn_drop=drop).out

    def attention(
        self, graph: dgl.DGLGraph, feat: Features, rel: Tensor | None = None, etype: Tensor | None = None
    ) -> Tensor:
        """Return the attention weights (E, H), which sum to one over the in-edges of a node."""
        weights = attend_additively(*self._inputs(graph, feat, rel, etype), return_attention=True).weights
        assert weights is not None
        return weights

    def _inputs(
        self, graph: dgl.DGLGraph, feat: Features, rel: Tensor | None, etype: Tensor | None
    ) -> tuple[dgl.DGLGraph, Tensor, Tensor, Tensor, Tensor | None, Tensor | None, float]:
        src, dst = endpoints(graph, feat, self.in_size)
        check_relations(self.rel_size, rel, etype)
        value = self.project(src).view(-1, self.num_heads, self.out_size)  # (N_src, H, out_size)
        src_score, dst_score = src @ self._folded(self.attn_src), dst @ self._folded(self.attn_dst)
        rel_score = None if rel is None or self.attn_rel is None else rel @ self.attn_rel.t()
        return graph, value, src_score, dst_score, rel_score, etype, self.negative_slope

    def _folded(self, vector: Tensor) -> Tensor:
        """The map (in_size, H) from x to ``vector . W x``, which spares a pass over all (N, H, out_size) values."""
        weight = self.project.weight.view(self.num_heads, self.out_size, self.in_size)
        return torch.einsum("hdi,hd->ih", weight, vector)

    def extra_repr(self) -> str:
        return f"in_size={self.in_size}, out_size={self.out_size}, rel_size={self.rel_size}, heads={self.num_heads}"
