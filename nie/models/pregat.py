"""PreGAT, the encoder of LICAP."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nie.layers import Dropout, PreGATConv
from nie.models.blocks import EdgeTypes, Graphs, per_layer
from nie.ops.shapes import expect_sizes


class PreGAT(nn.Module):
    """Two layers of predicate-aware graph attention (Zhang et al., TNNLS 2024, arXiv 2402.17791).

    Layer 1 has ``num_heads`` heads of ``head_size``, concatenated, then ELU; layer 2 has one head of ``out_size``.
    Both read one table of relation embeddings.

    Args:
        in_size: size of the node features.
        out_size: size of the embeddings.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        head_size, num_heads: size and number of the heads of layer 1.
        rel_size: size of the relation embeddings.
        relations: makes the relation embeddings (num_relations, rel_size) when called, such as
            :class:`nie.layers.relation.RelationFusion`; by default they are free parameters.
        use_relations: False leaves the relations out, which is plain GAT (the ablation).
        feat_drop: dropout probability of both layers' inputs, in training.
        attn_drop: dropout probability of the attention weights, in training.
        negative_slope: slope of the attention's LeakyReLU below 0.
        residual: add a linear map of a node's own input to what each layer gives. The paper's layers see a node's own
            features through the attention to its self-loop alone, and how much of them depends on the draw of that
            relation's embedding (docs/results/licap-inputs.md).

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> PreGAT(5, 16, num_relations=7)(graph, torch.ones(3, 5), torch.tensor([0, 6, 6])).shape
        torch.Size([3, 16])
    """

    num_hops: ClassVar[int] = 2
    """Blocks that a sampled batch needs."""

    def __init__(
        self,
        in_size: int,
        out_size: int,
        *,
        num_relations: int,
        head_size: int = 8,
        num_heads: int = 8,
        rel_size: int = 10,
        relations: nn.Module | None = None,
        use_relations: bool = True,
        feat_drop: float = 0.0,
        attn_drop: float = 0.0,
        negative_slope: float = 0.01,
        residual: bool = False,
    ) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, out_size=out_size, num_relations=num_relations)
        expect_sizes(head_size=head_size, num_heads=num_heads)
        expect_sizes(0, rel_size=rel_size)
        rel_size = rel_size if use_relations else 0
        free = nn.Parameter(torch.empty(num_relations, rel_size)) if use_relations and relations is None else None
        self.relations = relations if use_relations and relations is not None else free
        self.drop = Dropout(feat_drop)
        self.hidden = PreGATConv(
            in_size, head_size, rel_size, num_heads, negative_slope=negative_slope, attn_drop=attn_drop
        )
        self.output = PreGATConv(
            num_heads * head_size, out_size, rel_size, negative_slope=negative_slope, attn_drop=attn_drop
        )
        hidden_size = num_heads * head_size
        self.own_hidden = nn.Linear(in_size, hidden_size, bias=False) if residual else None
        self.own_output = nn.Linear(hidden_size, out_size, bias=False) if residual else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw standard normal relation embeddings, and reset the layers."""
        if isinstance(self.relations, nn.Parameter):
            nn.init.normal_(self.relations)
        elif self.relations is not None:
            self.relations.reset_parameters()  # type: ignore[operator]
        self.hidden.reset_parameters()
        self.output.reset_parameters()
        for own in (self.own_hidden, self.own_output):
            if own is not None:
                own.reset_parameters()

    def forward(self, graph: Graphs, feat: Tensor, etype: EdgeTypes = None) -> Tensor:
        """Return the embeddings (N, out_size).

        Args:
            graph: one graph, or a sequence of two blocks.
            feat: (N, in_size); with blocks, of the source nodes of the first.
            etype: (E,) relation of every edge; with blocks, a sequence of two. Ignored without relations.

        Raises:
            NieError: shapes that do not fit.
        """
        first, second = per_layer(graph, None if self.relations is None else etype, 2)
        rel = self.relations() if isinstance(self.relations, nn.Module) else self.relations
        feat = self.drop(feat)
        h = self.hidden(first[0], feat, rel, first[1]).flatten(1)
        h = self.drop(F.elu(h if self.own_hidden is None else h + self.own_hidden(feat[: len(h)])))
        out: Tensor = self.output(second[0], h, rel, second[1]).squeeze(1)
        return out if self.own_output is None else out + self.own_output(h[: len(out)])


def channel_encoder(
    in_size: int, size: int, *, num_relations: int, head_size: int, num_heads: int, rel_size: int, feat_drop: float,
    attn_drop: float, **_others: Any,
) -> PreGAT:  # fmt: skip
    """The encoder ``pregat`` of `nie.encoders`, with relation embeddings of its own."""
    return PreGAT(
        in_size, size, num_relations=num_relations, head_size=head_size, num_heads=num_heads, rel_size=rel_size,
        feat_drop=feat_drop, attn_drop=attn_drop,
    )  # fmt: skip
