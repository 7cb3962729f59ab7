"""RGTN: the body of `nie.models.rgtn` with a head for importance, and one for tiers where they are learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from downstream.heads.importance import ImportanceHead
from downstream.heads.names import HEADS
from nie.errors import NieError, nearest
from nie.models.blocks import Degrees, EdgeTypes, Graphs, log_in_degree
from nie.models.outputs import ImportanceScores
from nie.models.rgtn import MultiChannelEncoder


class RGTN(MultiChannelEncoder):
    """Relational graph transformer network: features by channel go in, one score for each node comes out.

    At its defaults this is RGTN (Huang et al., KDD 2021): the body is :class:`nie.models.rgtn.MultiChannelEncoder`, and
    the channels of a node give one score (:class:`downstream.heads.importance.ImportanceHead`).

    Args:
        channel_sizes: size of the features by channel, in the order of ``by_channel``; one channel or more.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        head: ``channels`` mixes the channels' own scores; ``vector`` scores the fused vector.
        tier_outputs: size of a further head on the fused vector, for tiers of importance; 0 for none.
        activation: of the channels' scores, ``linear`` or (as published) ``leaky_relu``.
        activate_mixture: put the activation on the mixture of the channels' scores.
        centrality_scale: scale the score of the channel ``structural`` by a learned function of log in-degree.
        head_size, num_heads: their product is the size of a channel's vector.
        body: further settings of :class:`nie.models.rgtn.MultiChannelEncoder`.

    Raises:
        NieError: no channel, an unknown encoder, fusion or head, or a centrality scale without a channel named
            ``structural`` or without a head of channels.

    Example:
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = RGTN(channel_sizes={"structural": 4, "semantic": 6}, num_relations=7)
        >>> feats = {"structural": torch.randn(3, 4), "semantic": torch.randn(3, 6)}
        >>> model(graph, feats, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    def __init__(
        self, *, channel_sizes: Mapping[str, int], num_relations: int, head: str = "channels", tier_outputs: int = 0,
        activation: str = "linear", activate_mixture: bool = False, centrality_scale: bool = False, head_size: int = 8,
        num_heads: int = 8, **body: Any,
    ) -> None:  # fmt: skip
        channels, size = list(channel_sizes), head_size * num_heads
        if head not in HEADS:
            raise NieError(f"There is no head {head!r}{nearest(head, HEADS)}; use one of {', '.join(HEADS)}.")
        if centrality_scale and "structural" not in channels:
            raise NieError(
                "centrality_scale scales the score of the channel structural, of which no features are given."
            )
        if centrality_scale and head != "channels":
            raise NieError(
                "centrality_scale scales the score of a channel, and a head of kind 'vector' gives channels no score."
            )
        scaled = channels.index("structural") if centrality_scale else None
        super().__init__(
            channel_sizes=channel_sizes, num_relations=num_relations, head_size=head_size, num_heads=num_heads, **body,
            head=ImportanceHead(
                size, len(channels), activation=activation, scaled_channel=scaled, activate_mixture=activate_mixture
            )
            if head == "channels"
            else nn.Linear(size, 1),
            tier_head=nn.Linear(size, tier_outputs) if tier_outputs else None,
        )  # fmt: skip
        self.centrality_scale = centrality_scale

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, *,
        degrees: Degrees | None = None, masks: Mapping[str, Tensor] | None = None,
    ) -> ImportanceScores:  # fmt: skip
        """Return the scores of all nodes, or of the last block's destinations.

        Args:
            graph, feats, etype, masks: see `MultiChannelEncoder.encode`.
            degrees: of the whole graph, for ``centrality_scale``. Taken from the graph when left out; give them with
                blocks.

        Raises:
            NieError: a channel is missing, or shapes do not fit.
        """
        states, mask, last = self.encode(graph, feats, etype, masks)
        fused = states.fused
        tiers = None if self.tier_head is None else self.tier_head(fused.vector)
        if isinstance(self.head, nn.Linear):
            return ImportanceScores.of(self.head(fused.vector)[:, 0], states, tiers, fused.vector, fused.weights)
        # A node without any channel is scored as if each of its channels were the null vector.
        nothing = ~mask.any(dim=1)
        tokens = torch.where(nothing[:, None, None], fused.vector[:, None], fused.tokens)
        centrality = log_in_degree(last, fused.vector, degrees) if self.centrality_scale else None
        assert isinstance(self.head, ImportanceHead)
        score, by_channel, weights = self.head.mixed(tokens, centrality, mask=mask | nothing[:, None])
        return ImportanceScores(score, by_channel, states, tiers, fused.vector, weights)
