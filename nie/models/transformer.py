"""The encoder of RGTN for one channel of features: a stack of transformer blocks."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers import Dropout, GlobalAttention, RelGraphTransformerConv
from nie.layers.graph_layer import GraphLayer
from nie.layers.jumping_knowledge import JumpingKnowledge
from nie.models.blocks import EdgeTypes, Graphs, per_layer
from nie.ops.shapes import expect_sizes
from nie.vocabulary import AttentionName, JumpingName


class TransformerBlock(GraphLayer):
    r"""Relational attention and a feed-forward network, each with residual and batch norm.

    .. math:: x' = \mathrm{dropout}(x), \quad
              h = \mathrm{BN}(W_o \, \mathrm{conv}(x') + W_{res} x'), \quad
              \mathrm{out} = \mathrm{BN}(h + \mathrm{FFN}(h))

    The feed-forward network is size → 2·size → size with ReLU and dropout; :math:`W_{res}` is the identity where
    the sizes agree. RGTN, Huang et al., KDD 2021. Its convolution attends to neighbours; with ``attention="global"`` a
    :class:`nie.layers.GlobalAttention` to all nodes stands in its place, and with ``both`` the two are added up.

    Args:
        in_size: size of the node features.
        head_size, num_heads: size and number of the heads of the attention; the output has ``head_size * num_heads``
            columns.
        rel_size: size of the relation embeddings.
        mode: how the relation enters the attention, see :class:`nie.layers.RelGraphTransformerConv`.
        feat_drop: dropout probability of the block's input.
        attn_drop: dropout probability of the attention weights.
        ffn_drop: dropout probability after the feed-forward network.
        residual: False leaves both residual connections out.
        attention: which nodes a node attends to: ``local``, its neighbours; ``global``, all nodes, whatever the edges
            are; ``both``. The latter two need the whole graph, and no blocks.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> block = TransformerBlock(5, head_size=4, num_heads=2, rel_size=3)
        >>> block(graph, torch.randn(3, 5), torch.ones(7, 3), torch.tensor([0, 6, 6])).shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        in_size: int,
        *,
        head_size: int,
        num_heads: int,
        rel_size: int,
        mode: str = "mul",
        feat_drop: float = 0.0,
        attn_drop: float = 0.0,
        ffn_drop: float = 0.0,
        residual: bool = True,
        attention: AttentionName = "local",
    ) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, head_size=head_size, num_heads=num_heads)
        expect_sizes(0, rel_size=rel_size)
        size = head_size * num_heads
        self.residual = residual
        self.drop = Dropout(feat_drop)
        self.conv = (
            RelGraphTransformerConv(in_size, head_size, rel_size, num_heads, mode=mode, attn_drop=attn_drop)
            if attention != "global"
            else None
        )
        self.everywhere = GlobalAttention(in_size, head_size, num_heads) if attention != "local" else None
        self.project = nn.Linear(size, size, bias=False)
        self.shortcut = nn.Linear(in_size, size, bias=False) if residual and in_size != size else nn.Identity()
        self.norm = nn.BatchNorm1d(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, 2 * size), nn.ReLU(), nn.Linear(2 * size, size), Dropout(ffn_drop)
        )
        self.feed_forward_norm = nn.BatchNorm1d(size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform projections; torch's defaults for the feed-forward network and the norms."""
        for attention in (self.conv, self.everywhere):
            if attention is not None:
                attention.reset_parameters()
        nn.init.xavier_uniform_(self.project.weight)
        if isinstance(self.shortcut, nn.Linear):
            nn.init.xavier_uniform_(self.shortcut.weight)
        for linear in (layer for layer in self.feed_forward if isinstance(layer, nn.Linear)):
            linear.reset_parameters()
        self.norm.reset_parameters()
        self.feed_forward_norm.reset_parameters()

    def forward(self, graph: dgl.DGLGraph, feat: Tensor, rel: Tensor, etype: Tensor | None) -> Tensor:
        """Return (N_dst, head_size * num_heads) for ``feat`` (N_src, in_size); see the convolution for the rest."""
        feat = self.drop(feat)
        h = self.project(self._attended(graph, feat, rel, etype))
        if self.residual:
            h = h + self.shortcut(feat[: graph.num_dst_nodes()])
        h = self.norm(h)
        fed = self.feed_forward(h)
        out: Tensor = self.feed_forward_norm(h + fed if self.residual else fed)
        return out

    def _attended(self, graph: dgl.DGLGraph, feat: Tensor, rel: Tensor, etype: Tensor | None) -> Tensor:
        made = [] if self.conv is None else [self.conv(graph, feat, rel, etype).flatten(1)]
        if self.everywhere is not None:
            made.append(self.everywhere(graph, feat).flatten(1))
        attended: Tensor = sum(made[1:], start=made[0])
        return attended


class Encoder(nn.Module):
    """A stack of ``num_layers`` :class:`TransformerBlock`, whose keyword arguments it takes.

    Args:
        in_size: size of the node features.
        num_layers: blocks.
        head_size, num_heads, settings: of every block.
        jumping: what is read of the blocks, see :class:`nie.layers.jumping_knowledge.JumpingKnowledge`.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> encoder = Encoder(5, 2, head_size=4, num_heads=2, rel_size=3)
        >>> encoder(graph, torch.randn(3, 5), torch.tensor([0, 6, 6]), torch.ones(7, 3)).shape
        torch.Size([3, 8])
    """

    def __init__(
        self, in_size: int, num_layers: int, *, head_size: int, num_heads: int, jumping: JumpingName = "last",
        **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(in_size=in_size, num_layers=num_layers, head_size=head_size, num_heads=num_heads)
        sizes = [in_size, *[head_size * num_heads] * (num_layers - 1)]
        self.blocks = nn.ModuleList(
            TransformerBlock(size, head_size=head_size, num_heads=num_heads, **settings) for size in sizes
        )
        self.jumping = JumpingKnowledge(head_size * num_heads, num_layers, jumping)

    def reset_parameters(self) -> None:
        """Reset every block."""
        for block in self.blocks:
            assert isinstance(block, TransformerBlock)
            block.reset_parameters()
        self.jumping.reset_parameters()

    @property
    def num_hops(self) -> int:
        """Blocks that a sampled batch needs: one for every layer."""
        return len(self.blocks)

    def forward(self, graph: Graphs, feat: Tensor, etype: EdgeTypes, rel: Tensor) -> Tensor:
        """Return (N_dst of the last layer, head_size * num_heads).

        Args:
            graph: one graph, or a sequence of ``num_hops`` blocks.
            feat: (N_src of the first layer, in_size).
            etype: (E,) relation of every edge; with blocks, a sequence of them.
            rel: relation table (R, rel_size).
        """
        made: list[Tensor] = []
        for block, (layer, relations) in zip(self.blocks, per_layer(graph, etype, self.num_hops), strict=True):
            made.append(block(layer, made[-1] if made else feat, rel, relations))
        read: Tensor = self.jumping(made)
        return read


def channel_encoder(in_size: int, _size: int, *, num_relations: int, ffn_drop: float = 0.3, **settings: Any) -> Encoder:
    """The encoder ``transformer`` of `nie.encoders`; the relations are those of the table that it is given."""
    return Encoder(in_size, ffn_drop=ffn_drop, **settings)
