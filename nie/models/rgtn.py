"""RGTN, the relational graph transformer network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.layers import CoAttention, ImportanceHead
from nie.models.blocks import EdgeTypes, Graphs, log_in_degree, per_layer
from nie.models.encoder import Encoder
from nie.models.scores import ImportanceScores, check_channels


class RGTN(nn.Module):
    """Relational graph transformer network for node importance (Huang et al., KDD 2021).

    Each channel of features (usually ``structural`` and ``semantic``) has its own stack of
    :class:`~nie.models.encoder.TransformerBlock`; all share one table of relation embeddings. Then the
    channels of a node attend to each other (:class:`nie.layers.CoAttention`) and give one score
    (:class:`nie.layers.ImportanceHead`).

    Args:
        channel_sizes: size of the features by channel, in the order of ``by_channel``; one channel or more.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        head_size, num_heads, num_layers: of the encoders.
        rel_size: size of the relation embeddings.
        mode: how the relation enters the attention: ``mul``, ``add``, ``gate`` or ``dot``.
        feat_drop: dropout probability of every encoder block's input.
        attn_drop: dropout probability of the attention weights.
        ffn_drop: dropout probability after every feed-forward network.
        residual: False leaves the residual connections of the encoder blocks out.
        activation: of the scores, ``linear`` or (as published) ``leaky_relu``.
        centrality_scale: scale the score of the channel ``structural`` by a learned function of log in-degree.

    Raises:
        NieError: no channel, or a centrality scale without a channel named ``structural``.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = RGTN(channel_sizes={"structural": 4, "semantic": 6}, num_relations=7)
        >>> feats = {"structural": torch.randn(3, 4), "semantic": torch.randn(3, 6)}
        >>> model(graph, feats, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    def __init__(
        self,
        *,
        channel_sizes: Mapping[str, int],
        num_relations: int,
        head_size: int = 8,
        num_heads: int = 8,
        num_layers: int = 3,
        rel_size: int = 10,
        mode: str = "mul",
        feat_drop: float = 0.3,
        attn_drop: float = 0.0,
        ffn_drop: float = 0.3,
        residual: bool = True,
        activation: str = "linear",
        centrality_scale: bool = False,
    ) -> None:
        super().__init__()
        self.channels = tuple(channel_sizes)
        self.num_layers, self.centrality_scale = num_layers, centrality_scale
        if not self.channels:
            raise NieError("RGTN needs at least one channel of features in channel_sizes.")
        if centrality_scale and "structural" not in self.channels:
            raise NieError("centrality_scale scales the channel 'structural', which channel_sizes does not name.")
        size = head_size * num_heads
        self.relations = nn.Parameter(torch.empty(num_relations, rel_size))
        # A list, because a channel's name may hold a dot or be a method's name, which a ModuleDict refuses.
        self.encoders = nn.ModuleList(
            Encoder(
                in_size,
                num_layers,
                head_size=head_size,
                num_heads=num_heads,
                rel_size=rel_size,
                mode=mode,
                feat_drop=feat_drop,
                attn_drop=attn_drop,
                ffn_drop=ffn_drop,
                residual=residual,
            )
            for in_size in channel_sizes.values()
        )
        self.co_attention = CoAttention(size, len(self.channels))
        scaled = self.channels.index("structural") if centrality_scale else None
        self.head = ImportanceHead(size, len(self.channels), activation=activation, scaled_channel=scaled)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Standard normal relation embeddings; the parts reset themselves."""
        nn.init.normal_(self.relations)
        for encoder in self.encoders:
            assert isinstance(encoder, Encoder)
            encoder.reset_parameters()
        self.co_attention.reset_parameters()
        self.head.reset_parameters()

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, centrality: Tensor | None = None
    ) -> ImportanceScores:
        """Return the scores of all nodes, or of the last block's destinations.

        Args:
            graph: one graph, or a sequence of ``num_layers`` blocks.
            feats: features by channel (N, size); with blocks, of the source nodes of the first.
            etype: (E,) relation of every edge; with blocks, a sequence of them.
            centrality: (N,) log in-degree for ``centrality_scale``. Taken from the graph when left out; give it
                with blocks of sampled neighbours, whose in-degree is the sample's.

        Raises:
            NieError: a channel is missing, or shapes do not fit.
        """
        check_channels(feats, self.channels)
        layers = per_layer(graph, etype, self.num_layers)
        encoded = [
            encoder(layers, feats[name], self.relations)
            for name, encoder in zip(self.channels, self.encoders, strict=True)
        ]
        tokens = self.co_attention(torch.stack(encoded, dim=1))  # (N, C, size)
        if self.centrality_scale and centrality is None:
            centrality = log_in_degree(layers[-1][0], tokens)
        score, by_channel = self.head(tokens, centrality if self.centrality_scale else None)
        return ImportanceScores(score, by_channel)
