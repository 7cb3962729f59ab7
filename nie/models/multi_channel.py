"""Importance from any number of channels; at its defaults RGTN, the relational graph transformer network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.errors import NieError, nearest
from nie.layers import (
    ChannelDropout,
    ChannelFusion,
    Encoding,
    ImportanceHead,
    ModalityDecoder,
    VariationalEncoder,
)  # fmt: skip
from nie.layers.fusion import NEEDS_LOGVAR
from nie.layers.variational import GaussianHeads
from nie.models.blocks import EdgeTypes, Graphs, log_in_degree, per_layer
from nie.models.encoder import Encoder
from nie.models.pregat import PreGAT
from nie.models.scores import ChannelStates, ImportanceScores, check_channels

ENCODERS = ("transformer", "pregat", "variational")
HEADS = ("channels", "vector")


class MultiChannelNIE(nn.Module):
    """Features by channel, an encoder each, a fusion, and a head that gives one score a node.

    At its defaults this is RGTN (Huang et al., KDD 2021): each channel (usually ``structural`` and ``semantic``) has
    its own stack of :class:`~nie.models.encoder.TransformerBlock`, all share one table of relation embeddings, the
    channels of a node attend to each other (:class:`nie.layers.CoAttention`) and give one score
    (:class:`nie.layers.ImportanceHead`).

    Args:
        channel_sizes: size of the features by channel, in the order of ``by_channel``; one channel or more.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        encoders: by channel, ``transformer`` for those that are not named. ``transformer`` and ``pregat`` read the
            graph, so that every node has such a channel, whatever its own features are; ``variational``
            (:class:`nie.layers.VariationalEncoder`) reads the node's own features, and the channel is missing where
            they are.
        fusion: a key of :data:`nie.layers.FUSIONS`.
        fusion_settings: of the fusion, such as ``temperature`` or ``literal``.
        head: ``channels`` mixes the channels' own scores; ``vector`` scores the fused vector.
        channel_drop: probability of hiding a channel of a node before the fusion, in training.
        channel_warmup: training steps until ``channel_drop`` is reached.
        projection_size: project every channel's encoding to so many columns, for losses that align the channels.
        tier_outputs: size of a further head on the fused vector, for tiers of importance; 0 for none.
        reconstruct: decode the features of the channels with the encoder ``variational``, for their loss.
        head_size, num_heads, num_layers: of the encoders; ``pregat`` always has two layers.
        rel_size: size of the relation embeddings.
        relations: makes the relation embeddings (num_relations, rel_size) when called, such as
            :class:`nie.layers.relation.RelationFusion`; by default they are free parameters.
        mode: how the relation enters the transformer's attention: ``mul``, ``add``, ``gate`` or ``dot``.
        feat_drop: dropout probability of every encoder block's input.
        attn_drop: dropout probability of the attention weights.
        ffn_drop: dropout probability after every feed-forward network.
        residual: False leaves the residual connections of the encoder blocks out.
        activation: of the channels' scores, ``linear`` or (as published) ``leaky_relu``.
        centrality_scale: scale the score of the channel ``structural`` by a learned function of log in-degree.

    Raises:
        NieError: no channel, an unknown encoder, fusion or head, or a centrality scale without a channel named
            ``structural`` or without a head of channels.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = MultiChannelNIE(channel_sizes={"structural": 4, "semantic": 6}, num_relations=7)
        >>> feats = {"structural": torch.randn(3, 4), "semantic": torch.randn(3, 6)}
        >>> model(graph, feats, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    def __init__(
        self,
        *,
        channel_sizes: Mapping[str, int],
        num_relations: int,
        encoders: Mapping[str, str] | None = None,
        fusion: str = "co_attention",
        fusion_settings: Mapping[str, Any] | None = None,
        head: str = "channels",
        channel_drop: float = 0.0,
        channel_warmup: int = 0,
        projection_size: int | None = None,
        tier_outputs: int = 0,
        reconstruct: bool = False,
        head_size: int = 8,
        num_heads: int = 8,
        num_layers: int = 3,
        rel_size: int = 10,
        relations: nn.Module | None = None,
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
        self.kinds = tuple((encoders or {}).get(name, "transformer") for name in self.channels)
        _check(self.channels, self.kinds, encoders or {}, head, centrality_scale)
        size = head_size * num_heads
        self.relations = nn.Parameter(torch.empty(num_relations, rel_size)) if relations is None else relations

        def encoder(kind: str, in_size: int) -> nn.Module:
            shared: dict[str, Any] = {"head_size": head_size, "num_heads": num_heads, "rel_size": rel_size}
            shared |= {"feat_drop": feat_drop, "attn_drop": attn_drop}
            if kind == "variational":
                return VariationalEncoder(in_size, size, dropout=feat_drop)
            if kind == "pregat":
                return PreGAT(in_size, size, num_relations=num_relations, **shared)
            return Encoder(in_size, num_layers, mode=mode, ffn_drop=ffn_drop, residual=residual, **shared)

        # A list, because a channel's name may hold a dot or be a method's name, which a ModuleDict refuses.
        self.encoders = nn.ModuleList(
            encoder(kind, in_size) for kind, in_size in zip(self.kinds, channel_sizes.values(), strict=True)
        )
        self.fusion = ChannelFusion(fusion, size, len(self.channels), **(fusion_settings or {}))
        # A fusion by uncertainty asks every channel for it.
        self.gaussian = nn.ModuleList(
            GaussianHeads(size, size) if fusion in NEEDS_LOGVAR and kind != "variational" else nn.Identity()
            for kind in self.kinds
        )
        self.drop = ChannelDropout(channel_drop, warmup=channel_warmup)
        scaled = self.channels.index("structural") if centrality_scale else None
        self.head = (
            ImportanceHead(size, len(self.channels), activation=activation, scaled_channel=scaled)
            if head == "channels"
            else nn.Linear(size, 1)
        )
        self.projections = nn.ModuleList(
            ModalityDecoder(size, projection_size) for _ in self.channels if projection_size is not None
        )
        self.decoders = nn.ModuleList(
            ModalityDecoder(size, channel_sizes[name]) if kind == "variational" and reconstruct else nn.Identity()
            for name, kind in zip(self.channels, self.kinds, strict=True)
        )
        self.tier_head = nn.Linear(size, tier_outputs) if tier_outputs else nn.Identity()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Standard normal relation embeddings; the parts reset themselves."""
        if isinstance(self.relations, nn.Parameter):
            nn.init.normal_(self.relations)
        else:
            self.relations.reset_parameters()  # type: ignore[operator]
        parts = (self.fusion, *self.gaussian, self.drop, self.head, *self.projections, *self.decoders, self.tier_head)
        for part in (*self.encoders, *parts):
            if not isinstance(part, nn.Identity):
                part.reset_parameters()

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, centrality: Tensor | None = None, *,
        masks: Mapping[str, Tensor] | None = None,
    ) -> ImportanceScores:  # fmt: skip
        """Return the scores of all nodes, or of the last block's destinations.

        Args:
            graph: one graph, or a sequence of ``num_layers`` blocks.
            feats: features by channel (N, size); with blocks, of the source nodes of the first.
            etype: (E,) relation of every edge; with blocks, a sequence of them.
            centrality: (N,) log in-degree for ``centrality_scale``. Taken from the graph when left out; give it
                with blocks of sampled neighbours, whose in-degree is the sample's.
            masks: (N,) bool by channel, the nodes that have the features of the channels with the encoder
                ``variational``; by default all.

        Raises:
            NieError: a channel is missing, or shapes do not fit.
        """
        check_channels(feats, self.channels)
        layers = per_layer(graph, etype, self.num_layers)
        masks = masks or {}
        _check_rows(feats, masks, self.channels, layers[0][0].num_src_nodes())
        rel = self.relations() if isinstance(self.relations, nn.Module) else self.relations
        encodings = {
            name: self._encode(place, layers, feats[name], rel, masks.get(name))
            for place, name in enumerate(self.channels)
        }
        there = self._mask(encodings, masks)
        mask = self.drop(there)
        tokens, logvar = self._tokens(encodings)
        fused = self.fusion(tokens, mask, logvar=logvar)
        states = ChannelStates(encodings, there, fused, self._projected(encodings), self._decoded(tokens))
        tiers = self.tier_head(fused.vector) if isinstance(self.tier_head, nn.Linear) else None
        if isinstance(self.head, nn.Linear):
            return ImportanceScores.of(self.head(fused.vector)[:, 0], states, tiers)
        if self.centrality_scale and centrality is None:
            centrality = log_in_degree(layers[-1][0], tokens)
        # A node that has no channel is scored by the null vector in the place of every one.
        nothing = ~mask.any(dim=1)
        tokens = torch.where(nothing[:, None, None], fused.vector[:, None], fused.tokens)
        score, by_channel = self.head(
            tokens, centrality if self.centrality_scale else None, mask=mask | nothing[:, None]
        )  # fmt: skip
        return ImportanceScores(score, by_channel, states, tiers)

    def _encode(
        self, place: int, layers: list[tuple[dgl.DGLGraph, Tensor | None]], feat: Tensor, rel: Tensor,
        mask: Tensor | None,
    ) -> Encoding:  # fmt: skip
        kind, encoder = self.kinds[place], self.encoders[place]
        if kind == "variational":
            # What is missing may be nan, which would reach the weights through the backward pass.
            feat = feat if mask is None else torch.where(mask[:, None], feat, 0.0)
            encoding: Encoding = encoder(feat[: layers[-1][0].num_dst_nodes()])
            return encoding
        if kind == "pregat":
            graphs, etypes = zip(*layers, strict=True)
            whole = all(graph is graphs[0] for graph in graphs)
            mean = encoder(graphs[0], feat, etypes[0]) if whole else encoder(graphs, feat, etypes)
        else:
            mean = encoder(layers, feat, rel)
        heads = self.gaussian[place]
        return heads(mean) if isinstance(heads, GaussianHeads) else Encoding(mean)

    def _mask(self, encodings: Mapping[str, Encoding], masks: Mapping[str, Tensor]) -> Tensor:
        """(N, M): a channel that reads the graph is always there."""
        columns = []
        for kind, (name, encoding) in zip(self.kinds, encodings.items(), strict=True):
            there = encoding.mean.new_ones(len(encoding.mean), dtype=torch.bool)
            known = kind == "variational" and name in masks
            columns.append(masks[name][: len(there)] if known else there)
        return torch.stack(columns, dim=1)

    def _projected(self, encodings: Mapping[str, Encoding]) -> Tensor | None:
        """(N, M, P), of the means before the fusion."""
        if not self.projections:
            return None
        given = zip(self.projections, encodings.values(), strict=True)
        return torch.stack([project(encoding.mean) for project, encoding in given], dim=1)

    def _decoded(self, tokens: Tensor) -> dict[str, Tensor]:
        """(N, size) features by channel, of those that are reconstructed."""
        decoders = zip(self.channels, self.decoders, tokens.unbind(1), strict=True)
        return {name: decode(token) for name, decode, token in decoders if isinstance(decode, ModalityDecoder)}

    def _tokens(self, encodings: Mapping[str, Encoding]) -> tuple[Tensor, Tensor | None]:
        """(N, M, H) samples in training and means otherwise, and log-variances where every channel has them."""
        drawn = [encoding.sample() if self.training else encoding.mean for encoding in encodings.values()]
        logvars = [encoding.logvar for encoding in encodings.values() if encoding.logvar is not None]
        logvar = torch.stack(logvars, dim=1) if len(logvars) == len(drawn) else None
        return torch.stack(drawn, dim=1), logvar


def _check_rows(
    feats: Mapping[str, Tensor], masks: Mapping[str, Tensor], channels: tuple[str, ...], num_nodes: int
) -> None:
    for name in channels:
        if len(feats[name]) != num_nodes:
            raise NieError(f"The channel {name} has {len(feats[name])} rows, but the graph has {num_nodes} nodes.")
    for name, mask in masks.items():
        if name not in channels:
            raise NieError(
                f"There is a mask of the channel {name!r}, which the model has not{nearest(name, channels)}."
            )
        if mask.shape != (num_nodes,) or mask.dtype != torch.bool:
            raise NieError(
                f"The mask of {name} is {mask.dtype} of shape {tuple(mask.shape)}; bool ({num_nodes},) is due."
            )


def _check(
    channels: tuple[str, ...], kinds: tuple[str, ...], encoders: Mapping[str, str], head: str, centrality_scale: bool
) -> None:
    if not channels:
        raise NieError("MultiChannelNIE needs at least one channel of features in channel_sizes.")
    for name in encoders:
        if name not in channels:
            raise NieError(
                f"encoders names the channel {name!r}, which channel_sizes does not{nearest(name, channels)}."
            )
    for kind in kinds:
        if kind not in ENCODERS:
            raise NieError(f"There is no encoder {kind!r}{nearest(kind, ENCODERS)}; use one of {', '.join(ENCODERS)}.")
    if head not in HEADS:
        raise NieError(f"There is no head {head!r}{nearest(head, HEADS)}; use one of {', '.join(HEADS)}.")
    if centrality_scale and "structural" not in channels:
        raise NieError("centrality_scale scales the channel 'structural', which channel_sizes does not name.")
    if centrality_scale and head != "channels":
        raise NieError("centrality_scale scales the score of a channel, which a head of kind 'vector' has not.")


RGTN = MultiChannelNIE
"""`MultiChannelNIE` at its defaults."""
