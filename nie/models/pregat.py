"""PreGAT, the encoder of LICAP."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nie.layers import Dropout, PreGATConv
from nie.layers.graph_layer import by_rows
from nie.layers.jumping_knowledge import JumpingKnowledge
from nie.models.blocks import EdgeTypes, Graphs, per_layer
from nie.ops.shapes import expect_sizes
from nie.vocabulary import JumpingName


class PreGAT(nn.Module):
    """Layers of predicate-aware graph attention (Zhang et al., TNNLS 2024, arXiv 2402.17791), two as published.

    All but the last layer have ``num_heads`` heads of ``head_size``, concatenated, then ELU; the last one has one head
    of ``out_size``. All read one table of relation embeddings.

    Args:
        in_size: size of the node features.
        out_size: size of the embeddings.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        num_layers: number of layers, the last one included.
        head_size, num_heads: size and number of the heads of all layers but the last.
        rel_size: size of the relation embeddings.
        relations: makes the relation embeddings (num_relations, rel_size) when called, such as
            :class:`nie.layers.relation.RelationFusion`; by default they are free parameters.
        use_relations: False leaves the relations out, which is plain GAT (the ablation).
        feat_drop: dropout probability of the layers' inputs, in training.
        attn_drop: dropout probability of the attention weights, in training.
        negative_slope: slope of the attention's LeakyReLU below 0.
        residual: add a linear map of a node's own input to what each layer gives. The paper's layers see a node's own
            features through the attention to its self-loop alone, and how much of them depends on the draw of that
            relation's embedding (docs/results/licap-inputs.md).
        norm: normalise what each layer but the last gives, before ELU (layer norm).
        jumping: what the last layer reads of the others, see :class:`nie.layers.jumping_knowledge.JumpingKnowledge`.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> PreGAT(5, 16, num_relations=7)(graph, torch.ones(3, 5), torch.tensor([0, 6, 6])).shape
        torch.Size([3, 16])
    """

    # Long because each parameter is a setting that recipes name.
    def __init__(
        self,
        in_size: int,
        out_size: int,
        *,
        num_relations: int,
        num_layers: int = 2,
        head_size: int = 8,
        num_heads: int = 8,
        rel_size: int = 10,
        relations: nn.Module | None = None,
        use_relations: bool = True,
        feat_drop: float = 0.0,
        attn_drop: float = 0.0,
        negative_slope: float = 0.01,
        residual: bool = False,
        norm: bool = False,
        jumping: JumpingName = "last",
    ) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, out_size=out_size, num_relations=num_relations, num_layers=num_layers)
        expect_sizes(head_size=head_size, num_heads=num_heads)
        expect_sizes(0, rel_size=rel_size)
        rel_size = rel_size if use_relations else 0
        free = nn.Parameter(torch.empty(num_relations, rel_size)) if use_relations and relations is None else None
        self.relations = relations if use_relations and relations is not None else free
        self.drop = Dropout(feat_drop)
        attention: dict[str, Any] = {"negative_slope": negative_slope, "attn_drop": attn_drop}
        size = num_heads * head_size
        sizes = [in_size, *[size] * (num_layers - 1)]
        # The first, those between and the last have names of their own, which weights of two layers have been kept by.
        self.hidden = PreGATConv(in_size, head_size, rel_size, num_heads, **attention) if num_layers > 1 else None
        self.between = nn.ModuleList(
            PreGATConv(size, head_size, rel_size, num_heads, **attention) for _ in range(num_layers - 2)
        )
        self.output = PreGATConv(sizes[-1], out_size, rel_size, **attention)
        self.own_hidden = nn.Linear(in_size, size, bias=False) if residual and num_layers > 1 else None
        self.own_between = nn.ModuleList(nn.Linear(size, size, bias=False) for _ in range(num_layers - 2) if residual)
        self.own_output = nn.Linear(sizes[-1], out_size, bias=False) if residual else None
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(num_layers - 1) if norm)
        self.jumping = JumpingKnowledge(size, num_layers - 1, jumping) if num_layers > 1 else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw standard normal relation embeddings, and reset the layers."""
        if isinstance(self.relations, nn.Parameter):
            nn.init.normal_(self.relations)
        elif self.relations is not None:
            self.relations.reset_parameters()  # type: ignore[operator]
        parts = (self.hidden, *self.between, self.output, self.own_hidden, *self.own_between, self.own_output)
        for part in (*parts, *self.norms, self.jumping):
            if part is not None:
                part.reset_parameters()

    @property
    def num_hops(self) -> int:
        """Blocks that a sampled batch needs: one for every layer."""
        return 1 if self.hidden is None else 2 + len(self.between)

    def forward(self, graph: Graphs, feat: Tensor, etype: EdgeTypes = None) -> Tensor:
        """Return the embeddings (N, out_size).

        Args:
            graph: one graph, or a sequence of ``num_hops`` blocks.
            feat: (N, in_size); with blocks, of the source nodes of the first.
            etype: (E,) relation of every edge; with blocks, a sequence of them. Ignored without relations.

        Raises:
            NieError: shapes that do not fit.
        """
        *hidden, (last, last_etype) = per_layer(graph, None if self.relations is None else etype, self.num_hops)
        rel = self.relations() if isinstance(self.relations, nn.Module) else self.relations
        h, made = feat, []
        for place, (layer, relations) in enumerate(hidden):
            conv, own = self._hidden_layer(place)
            h = self.drop(h)
            h = _beside(own, h, conv(layer, h, rel, relations).flatten(1))
            h = F.elu(self.norms[place](h) if len(self.norms) else h)
            made.append(h)
        h = self.drop(h if self.jumping is None else self.jumping(made))
        return _beside(self.own_output, h, self.output(last, h, rel, last_etype).squeeze(1))

    def _hidden_layer(self, place: int) -> tuple[nn.Module, nn.Module | None]:
        """The attention of a layer before the last, and the map of a node's own input beside it."""
        if place == 0:
            assert self.hidden is not None
            return self.hidden, self.own_hidden
        return self.between[place - 1], self.own_between[place - 1] if len(self.own_between) else None


def _beside(own: nn.Module | None, feat: Tensor, made: Tensor) -> Tensor:
    """What a layer made, and what a map of the nodes' own input adds."""
    return made if own is None else made + by_rows(own, feat[: len(made)])


def channel_encoder(
    in_size: int, size: int, *, num_relations: int, head_size: int, num_heads: int, rel_size: int, feat_drop: float,
    attn_drop: float, **_others: Any,
) -> PreGAT:  # fmt: skip
    """The encoder ``pregat`` of `nie.encoders`, with relation embeddings of its own."""
    return PreGAT(
        in_size, size, num_relations=num_relations, head_size=head_size, num_heads=num_heads, rel_size=rel_size,
        feat_drop=feat_drop, attn_drop=attn_drop,
    )  # fmt: skip
