"""The body of RGTN and its relatives: an encoder for each channel, and the fusion of a node's channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.encoders import ENCODERS
from nie.errors import NieError, nearest
from nie.fusions import FUSIONS
from nie.layers import ChannelDropout, ChannelFusion, Encoding, Fused, ModalityDecoder
from nie.layers.graph_layer import row_parts
from nie.layers.variational import GaussianHeads
from nie.models.blocks import EdgeTypes, Graphs, per_layer
from nie.models.outputs import ChannelStates, check_channels
from nie.ops.shapes import expect_sizes


class MultiChannelEncoder(nn.Module):
    """An encoder for each channel of features, and a fusion of the channels; subclasses put heads on the result.

    At its defaults this is the body of RGTN (Huang et al., KDD 2021): each channel (usually ``structural`` and
    ``semantic``) has its own stack of :class:`~nie.models.transformer.TransformerBlock`, all share one table of
    relation embeddings, and the channels of a node attend to each other (:class:`nie.layers.CoAttention`).

    Args:
        channel_sizes: size of the features by channel; one channel or more.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        head: head of the subclass.
        tier_head: its head for tiers, where it has one.
        encoders: by channel a key of :data:`nie.encoders.ENCODERS`, ``transformer`` for those that are not named.
            ``transformer`` and ``pregat`` read the graph, so that every node has such a channel, whatever its own
            features are; ``variational`` (:class:`nie.layers.VariationalEncoder`) reads the node's own features, and
            the channel is missing where they are; ``variational_lstm`` does so with sequences.
        steps: length of the longest sequence by channel, of those whose encoder reads sequences.
        fusion: a key of :data:`nie.layers.FUSIONS`.
        fusion_settings: settings of the fusion, such as ``temperature`` or ``literal``.
        channel_drop: probability of hiding a channel of a node before the fusion, in training.
        channel_warmup: training steps until ``channel_drop`` is reached.
        first_channel: the channel that is trained first, alone.
        first_steps: training steps in which it is.
        projection_size: project every channel's encoding to so many columns, for losses that align the channels.
        reconstruct: decode the features of channels whose encoder knows variances, for their loss.
        relations: makes the relation embeddings (num_relations, rel_size) when called, such as
            :class:`nie.layers.relation.RelationFusion`; by default they are free parameters.
        num_layers: layers of the encoder ``transformer``; ``pregat`` always has two.
        head_size, num_heads, rel_size, feat_drop, attn_drop: settings of the encoders, see
            :class:`~nie.models.pregat.PreGAT`.
        further: those that only some encoders have: of :class:`~nie.models.transformer.Encoder` and its blocks, with
            ``ffn_drop`` 0.3 by default.

    Raises:
        NieError: no channel, an unknown encoder or fusion, or an encoder of sequences without their steps.
    """

    # Long because each parameter is a setting that recipes and studies name.
    def __init__(
        self, *, channel_sizes: Mapping[str, int], num_relations: int, head: nn.Module,
        tier_head: nn.Module | None = None, encoders: Mapping[str, str] | None = None,
        steps: Mapping[str, int] | None = None, fusion: str = "co_attention",
        fusion_settings: Mapping[str, Any] | None = None, channel_drop: float = 0.0, channel_warmup: int = 0,
        first_channel: str | None = None, first_steps: int = 0,
        projection_size: int | None = None, reconstruct: bool = False, relations: nn.Module | None = None,
        num_layers: int = 3, head_size: int = 8, num_heads: int = 8, rel_size: int = 10, feat_drop: float = 0.3,
        attn_drop: float = 0.0, **further: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(num_relations=num_relations, num_layers=num_layers, head_size=head_size, num_heads=num_heads)
        expect_sizes(0, rel_size=rel_size, channel_warmup=channel_warmup, first_steps=first_steps)
        self.channels, encoders = tuple(channel_sizes), encoders or {}
        _check(self.channels, encoders, steps or {})
        if further.get("mode") == "gate" and num_relations < 2:
            raise NieError("mode 'gate' normalises over relations and needs two of them; use mode 'mul' or 'add'.")
        self.kinds = tuple(ENCODERS[encoders.get(name, "transformer")] for name in self.channels)
        self.size = size = head_size * num_heads
        self.relations = nn.Parameter(torch.empty(num_relations, rel_size)) if relations is None else relations

        settings = {
            "num_relations": num_relations, "num_layers": num_layers, "head_size": head_size, "num_heads": num_heads,
            "rel_size": rel_size, "feat_drop": feat_drop, "attn_drop": attn_drop, **further,
        }  # fmt: skip
        # Lists, because a channel's name may hold a dot or be a method's name, which a ModuleDict refuses. In them
        # nn.Identity stands for a channel that has no such part.
        self.encoders = nn.ModuleList(
            kind.build(in_size, size, **settings, **({"steps": steps[name]} if steps and kind.reads_sequences else {}))
            for kind, (name, in_size) in zip(self.kinds, channel_sizes.items(), strict=True)
        )
        reading = [encoder for encoder, kind in zip(self.encoders, self.kinds, strict=True) if kind.reads_graph]
        # At least as many as the default encoder needs, whether a channel has it or not.
        self.num_hops = max([num_layers, *(int(encoder.num_hops) for encoder in reading)])  # type: ignore[arg-type]
        self.fusion = ChannelFusion(fusion, size, len(self.channels), **(fusion_settings or {}))
        # A fusion by uncertainty needs log-variances of every channel.
        self.gaussian = nn.ModuleList(
            GaussianHeads(size, size) if FUSIONS[fusion].needs_logvar and not kind.knows_variance else nn.Identity()
            for kind in self.kinds
        )
        if first_channel is not None:
            _check_name("first_channel", first_channel, self.channels)
        first = 0 if first_channel is None else self.channels.index(first_channel)
        self.drop = ChannelDropout(channel_drop, warmup=channel_warmup, first=first, first_calls=first_steps)
        self.head = head
        self.projections = nn.ModuleList(
            ModalityDecoder(size, projection_size) for _ in self.channels if projection_size is not None
        )
        self.decoders = nn.ModuleList(
            ModalityDecoder(size, channel_sizes[name]) if kind.knows_variance and reconstruct else nn.Identity()
            for name, kind in zip(self.channels, self.kinds, strict=True)
        )
        self.tier_head = tier_head
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw standard normal relation embeddings, and reset the modules."""
        if isinstance(self.relations, nn.Parameter):
            nn.init.normal_(self.relations)
        else:
            self.relations.reset_parameters()  # type: ignore[operator]
        modules = (self.fusion, *self.gaussian, self.drop, self.head, *self.projections, *self.decoders, self.tier_head)
        for module in (*self.encoders, *modules):
            if module is not None and not isinstance(module, nn.Identity):
                module.reset_parameters()

    def encode(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, masks: Mapping[str, Tensor] | None
    ) -> tuple[ChannelStates, Tensor, dgl.DGLGraph]:
        """Return what the channels of all nodes, or of the last block's destinations, became.

        Args:
            graph: one graph, or a sequence of ``num_hops`` blocks.
            feats: features by channel (N, size); with blocks, of the source nodes of the first.
            etype: (E,) relation of every edge; with blocks, a sequence of them.
            masks: (N,) bool by channel, the nodes that have the features of the channels whose encoder reads no graph;
                by default all.

        Returns:
            The states, the channels (N, M) that the fusion saw, and the last graph or block.

        Raises:
            NieError: a channel is missing, or shapes do not fit.
        """
        check_channels(feats, self.channels)
        layers = per_layer(graph, etype, self.num_hops)
        masks = masks or {}
        _check_rows(feats, masks, self.channels, layers[0][0].num_src_nodes())
        rel = self.relations() if isinstance(self.relations, nn.Module) else self.relations
        encodings = {
            name: self._encode(place, layers, feats[name], rel, masks.get(name))
            for place, name in enumerate(self.channels)
        }
        has_channel = self._mask(encodings, masks)
        mask = self.drop(has_channel)
        tokens, logvar = self._tokens(encodings)
        fused = self._fused(tokens, mask, logvar)
        states = ChannelStates(encodings, has_channel, fused, self._projected(encodings), self._decoded(tokens))
        return states, mask, layers[-1][0]

    def _encode(
        self, place: int, layers: list[tuple[dgl.DGLGraph, Tensor | None]], feat: Tensor, rel: Tensor,
        mask: Tensor | None,
    ) -> Encoding:  # fmt: skip
        kind, encoder = self.kinds[place], self.encoders[place]
        if kind.reads_graph:
            # An encoder of fewer layers than the deepest one reads the last blocks.
            graphs, etypes = zip(*layers[-int(encoder.num_hops) :], strict=True)  # type: ignore[arg-type]
            table = {"rel": rel} if kind.shares_relations else {}
            encoded = encoder(graphs, feat[: graphs[0].num_src_nodes()], etypes, **table)
        else:
            # What is missing may be nan, which would reach the weights through the backward pass.
            feat = feat if mask is None else torch.where(mask[:, None], feat, 0.0)
            encoded = encoder(feat[: layers[-1][0].num_dst_nodes()])
        heads = self.gaussian[place]
        if isinstance(heads, GaussianHeads):
            encoded = heads(encoded)
        return encoded if isinstance(encoded, Encoding) else Encoding(encoded)

    def _mask(self, encodings: Mapping[str, Encoding], masks: Mapping[str, Tensor]) -> Tensor:
        """(N, M): a channel that reads the graph is always there."""
        columns = []
        for kind, (name, encoding) in zip(self.kinds, encodings.items(), strict=True):
            has_channel = encoding.mean.new_ones(len(encoding.mean), dtype=torch.bool)
            known = not kind.reads_graph and name in masks
            columns.append(masks[name][: len(has_channel)] if known else has_channel)
        return torch.stack(columns, dim=1)

    def _fused(self, tokens: Tensor, mask: Tensor, logvar: Tensor | None) -> Fused:
        """What the fusion gives, of as many nodes at a time as a prediction in chunks allows."""
        made = [
            self.fusion(tokens[part], mask[part], logvar=None if logvar is None else logvar[part])
            for part in row_parts(tokens)
        ]
        return Fused.joined(made)

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
                f"There is a mask of the channel {name!r}, which the model does not have{nearest(name, channels)}."
            )
        if mask.shape != (num_nodes,) or mask.dtype != torch.bool:
            raise NieError(
                f"The mask of {name} must be bool of shape ({num_nodes},); got {mask.dtype}, {tuple(mask.shape)}."
            )


def _check(channels: tuple[str, ...], encoders: Mapping[str, str], steps: Mapping[str, int]) -> None:
    if not channels:
        raise NieError("RGTN reads features and was given none; it needs at least one channel of them.")
    for name, kind in encoders.items():
        _check_name("encoders", name, channels)
        if kind not in ENCODERS:
            raise NieError(f"There is no encoder {kind!r}{nearest(kind, ENCODERS)}; use one of {', '.join(ENCODERS)}.")
        if ENCODERS[kind].reads_sequences and name not in steps:
            raise NieError(f"The encoder {kind} reads sequences; steps must say how long those of {name!r} are.")


def _check_name(setting: str, name: str, channels: tuple[str, ...]) -> None:
    if name not in channels:
        raise NieError(
            f"{setting} names the channel {name!r}, which is not among those that features are given for"
            f"{nearest(name, channels)}; these are {', '.join(channels)}."
        )
