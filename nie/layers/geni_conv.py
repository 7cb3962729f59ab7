"""Score aggregation of GENI."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.arguments import finite, probability
from nie.dgl_compat import dgl
from nie.layers.endpoints import Features, check_relations, endpoints
from nie.layers.graph_layer import GraphLayer
from nie.ops.attention import attend_additively
from nie.ops.shapes import expect_sizes


class GENIConv(GraphLayer):
    r"""Aggregate the importance scores of neighbours, weighed by attention that sees the relation of an edge.

    For an edge u→v of relation r and every head, with scores s:

    .. math:: e = \mathrm{LeakyReLU}(a_{src} s_u + a_{rel} \cdot p_r + a_{dst} s_v), \quad
              \alpha = \mathrm{softmax}_v(e), \quad \mathrm{out}_v = \sum_{u \to v} \alpha s_u

    Park et al., "Estimating Node Importance in Knowledge Graphs Using Graph Neural Networks" (GENI), KDD 2019,
    section 4.2 to 4.3: the attention of :class:`PreGATConv` on values of one dimension that are not projected. Scoring
    networks, self-loops, the mean over heads and :class:`CentralityScale` are the model's business; a node without
    in-edges gets zeros.

    Args:
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
        >>> GENIConv(3, num_heads=2)(graph, torch.ones(3, 2), torch.ones(7, 3), torch.tensor([0, 6, 6])).tolist()
        [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(
        self, rel_size: int, num_heads: int = 1, *, negative_slope: float = 0.01, attn_drop: float = 0.0
    ) -> None:
        super().__init__()
        expect_sizes(num_heads=num_heads)
        expect_sizes(0, rel_size=rel_size)
        self.rel_size, self.num_heads = rel_size, num_heads
        self.negative_slope = finite("negative_slope", negative_slope)
        self.attn_drop = probability("attn_drop", attn_drop)
        self.attn_src = nn.Parameter(torch.empty(num_heads))
        self.attn_dst = nn.Parameter(torch.empty(num_heads))
        self.attn_rel = nn.Parameter(torch.empty(num_heads, rel_size)) if rel_size else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-normal; the three attention vectors are drawn as the one that the paper splits into them."""
        std = nn.init.calculate_gain("relu") * (2.0 / (2 + self.rel_size + 1)) ** 0.5
        for vector in (self.attn_src, self.attn_dst, self.attn_rel):
            if vector is not None:
                nn.init.normal_(vector, std=std)

    def forward(
        self, graph: dgl.DGLGraph, score: Features, rel: Tensor | None = None, etype: Tensor | None = None
    ) -> Tensor:
        """Return (N_dst, H).

        Args:
            graph: homogeneous graph or block.
            score: (N_src, H), the first N_dst rows being the destinations in a block; or a pair (source, destination).
            rel: relation table (R, rel_size).
            etype: (E,) relation of every edge.

        Raises:
            NieError: shapes that do not fit the graph or the layer.
        """
        drop = self.attn_drop if self.training else 0.0
        return attend_additively(*self._inputs(graph, score, rel, etype), attn_drop=drop).out.squeeze(-1)

    def attention(
        self, graph: dgl.DGLGraph, score: Features, rel: Tensor | None = None, etype: Tensor | None = None
    ) -> Tensor:
        """Return the attention weights (E, H), which sum to one over the in-edges of a node."""
        weights = attend_additively(*self._inputs(graph, score, rel, etype), return_attention=True).weights
        assert weights is not None
        return weights

    def _inputs(
        self, graph: dgl.DGLGraph, score: Features, rel: Tensor | None, etype: Tensor | None
    ) -> tuple[dgl.DGLGraph, Tensor, Tensor, Tensor, Tensor | None, Tensor | None, float]:
        src, dst = endpoints(graph, score, self.num_heads)
        check_relations(self.rel_size, rel, etype)
        rel_score = None if rel is None or self.attn_rel is None else rel @ self.attn_rel.t()
        return graph, src.unsqueeze(-1), src * self.attn_src, dst * self.attn_dst, rel_score, etype, self.negative_slope

    def extra_repr(self) -> str:
        return f"rel_size={self.rel_size}, heads={self.num_heads}"
