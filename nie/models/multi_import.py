"""MULTIIMPORT: one latent importance, of which several signals are noisy functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nie.layers.graph_layer import by_rows
from nie.models.blocks import Degrees, EdgeTypes, Graphs
from nie.models.geni import GENI
from nie.models.outputs import ImportanceScores, SignalMeans, side_by_side
from nie.ops.shapes import expect_sizes


class MultiImport(nn.Module):
    r"""A latent importance z from attention over relations, and S signals that rise with it (Park et al., KDD 2020).

    .. math:: x_{v0} \sim N(z_v, \sigma_0^2), \qquad x_{vs} \sim N(a_s z_v + b_s, \sigma_s^2), \quad a_s > 0

    z is the score of :class:`nie.models.GENI`: scoring networks, predicate-aware attention over in-edges, and the
    centrality adjustment. Signal 0 is the one that is predicted, and z is on its scale; every other signal has a scale
    a, an offset b and a noise of its own. (In the paper z has no scale, and signal 0 has one, too; the models are the
    same in other words.) A signal that falls where z rises cannot be one of these; it is what the paper calls a rebel,
    and is found by `downstream.methods.signal_clusters`.

    Args:
        channel_sizes: size of the features by channel; read side by side.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        signals: S.
        own_heads: instead of a scale and an offset, every other signal has output weights, attention and centrality
            adjustment of its own, on the hidden layer that all share: plain learning of several tasks.
        geni: further settings of :class:`nie.models.GENI`.

    Example:
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = MultiImport(channel_sizes={"structural": 4}, num_relations=7, signals=3)
        >>> outputs = model(graph, {"structural": torch.randn(3, 4)}, torch.tensor([0, 6, 6]))
        >>> outputs.signals.means.shape, torch.equal(outputs.signals.means[:, 0], outputs.score)
        (torch.Size([3, 3]), True)
    """

    def __init__(
        self, *, channel_sizes: Mapping[str, int], num_relations: int, signals: int = 1, own_heads: bool = False,
        tier_outputs: int = 0, **geni: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(signals=signals)

        def body(tiers: int) -> GENI:
            return GENI(channel_sizes=channel_sizes, num_relations=num_relations, tier_outputs=tiers, **geni)

        self.latent = body(tier_outputs)
        self.heads = nn.ModuleList(body(0) for _ in range(signals - 1) if own_heads)
        for head in self.heads:
            del head.hidden  # it reads that of the latent importance
        others = signals - 1
        self.raw_scale = None if own_heads else nn.Parameter(torch.empty(others))
        self.offset = None if own_heads else nn.Parameter(torch.empty(others))
        self.log_variance = nn.Parameter(torch.empty(signals))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset the networks of GENI; signals are then as z is, with noise of variance 1."""
        bodies: Any = self.heads
        self.latent.reset_parameters()
        for head in bodies:
            head.reset_behind_hidden()
        nn.init.zeros_(self.log_variance)
        if self.raw_scale is not None and self.offset is not None:
            nn.init.constant_(self.raw_scale, math.log(math.e - 1))  # of which softplus makes 1
            nn.init.zeros_(self.offset)

    @property
    def num_hops(self) -> int:
        """Blocks that a sampled batch needs."""
        return self.latent.num_hops

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, *, degrees: Degrees | None = None
    ) -> ImportanceScores:
        """Return z as the score, with the means and the noise of all signals; arguments as of `nie.models.GENI`."""
        read = self.latent.drop(side_by_side(feats, self.latent.channels))
        scored = by_rows(self._scores, read)  # (N, 1 or S, H)
        own = self.latent.aggregated(scored[:, 0], graph, etype, degrees)
        if self.raw_scale is None or self.offset is None:
            bodies: Any = self.heads
            others = [
                body.aggregated(scored[:, place], graph, etype, degrees).score for place, body in enumerate(bodies, 1)
            ]
            means = torch.stack([own.score, *others], dim=1)
        else:
            z = own.score[:, None]
            means = torch.cat([z, z * F.softplus(self.raw_scale) + self.offset], dim=1)
        noise = self.log_variance[0].expand_as(own.score)
        return replace(own, signals=SignalMeans(means, self.log_variance), log_variance=noise)

    def _scores(self, feat: Tensor) -> Tensor:
        hidden = self.latent.hidden_of(feat)
        bodies: Any = [self.latent, *self.heads]
        return torch.stack([body.scored(hidden) for body in bodies], dim=1)
