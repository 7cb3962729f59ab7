"""The loss of one training step: importance, tiers, and the agreement of channels and their own features beside."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from downstream.alignment import alignment_loss, cosine_mse_loss, modality_contrastive_loss, neighbourhood_targets
from downstream.losses import draw_lists, importance_loss
from downstream.network_inputs import NetworkInputs
from downstream.tiers import tier_loss
from downstream.variational import variational_loss
from nie.config import ChannelLossConfig
from nie.models import ChannelStates, ImportanceScores

ALIGNED_NODES = 1024
"""Nodes that are contrasted with each other in a step; all pairs of a whole graph would not fit."""


class StepLoss:
    """``i importance_loss + t tier_loss + a alignment + v variational_loss``, each weight in the settings' ``loss``.

    Args:
        given: what the network reads; its settings say what is learned.
        generator: draws lists and the nodes that are aligned.
    """

    def __init__(self, given: NetworkInputs, generator: torch.Generator) -> None:
        self.given, self.generator = given, generator

    def __call__(
        self, scores: ImportanceScores, feats: Mapping[str, Tensor], rows: Tensor, nodes: Tensor | None = None
    ) -> Tensor:
        """The loss of one step.

        Args:
            scores: of ``nodes``.
            feats: their features by channel.
            rows: (n,) positions among the training nodes of those that the step learns from.
            nodes: ids of a batch, row by row those of ``rows``; None for the whole graph.

        Returns:
            () tensor.
        """
        given, loss = self.given, self.given.config.loss
        at = given.train[rows] if nodes is None else torch.arange(len(rows), device=rows.device)
        lists = draw_lists(len(rows), loss.list_size, self.generator).to(rows.device)
        weights = loss.model_dump(include={"listwise_weight", "channel_weight"})
        total = importance_loss(scores.score[at], scores.by_channel[at], given.labels[rows], lists, **weights)
        if not isinstance(loss, ChannelLossConfig):
            return total
        total = loss.importance_weight * total
        if scores.tier_logits is not None and given.tiers is not None:
            total = total + loss.tier_weight * tier_loss(loss.tier_loss, scores.tier_logits[at], given.tiers[rows])
        if scores.states is not None:
            if scores.states.projected is not None:
                total = total + loss.alignment_weight * self._alignment(scores.states, nodes, loss.alignment)
            if scores.states.decoded:
                total = total + loss.variational_weight * _variational(scores.states, feats)
        return total

    def _alignment(self, states: ChannelStates, nodes: Tensor | None, kind: str) -> Tensor:
        """It reads no label, but the nodes to be found later by `downstream.agreement` must be new to it."""
        assert states.projected is not None
        candidates = self.given.known.nonzero()[:, 0] if nodes is None else torch.arange(len(nodes))
        order = torch.randperm(len(candidates), generator=self.generator)[:ALIGNED_NODES]
        drawn = candidates.to(states.mask.device)[order.to(states.mask.device)]
        projected, mask = states.projected[drawn], states.mask[drawn]
        if kind == "contrastive":
            return modality_contrastive_loss(projected, mask)
        if kind == "cosine_mse":
            return cosine_mse_loss(projected, mask)
        soft = None
        if kind == "neighbourhood":
            src, dst = (end.numpy() for end in self.given.message.graph.edges())
            ids = (drawn if nodes is None else nodes[drawn]).cpu().numpy()
            soft = neighbourhood_targets(src, dst, self.given.message.graph.num_nodes(), ids).to(projected)
        return alignment_loss(projected, mask, soft_targets=soft)


def _variational(states: ChannelStates, feats: Mapping[str, Tensor]) -> Tensor:
    there = dict(zip(states.encodings, states.mask.unbind(1), strict=True))
    names = list(states.decoded)
    return variational_loss(
        {name: states.encodings[name] for name in names},
        {name: there[name] for name in names},
        features={name: feats[name] for name in names},
        decoded=states.decoded,
    )
