"""What a model of channels is trained on beside importance: agreement of its channels, and their own features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from downstream.alignment import alignment_loss
from downstream.variational import variational_loss
from nie.config import ChannelLossConfig
from nie.models import ChannelStates

ALIGNED_NODES = 1024
"""Nodes that are contrasted with each other in a step; all pairs of a whole graph would not fit."""


def channel_loss(
    states: ChannelStates, feats: Mapping[str, Tensor], config: ChannelLossConfig, generator: torch.Generator
) -> Tensor:
    """``alignment_weight * alignment_loss + variational_weight * variational_loss``, 0 where both weights are.

    Neither reads a label, so that all nodes take part, those of the test set included.

    Args:
        states: of the nodes of a step.
        feats: their features by channel.
        config: the weights.
        generator: draws the nodes that are aligned.

    Returns:
        () tensor.
    """
    total = states.fused.vector.new_zeros(())
    if config.alignment_weight and states.projected is not None:
        drawn = torch.randperm(len(states.projected), generator=generator)[:ALIGNED_NODES].to(states.mask.device)
        total = total + config.alignment_weight * alignment_loss(states.projected[drawn], states.mask[drawn])
    if config.variational_weight and states.decoded:
        there = dict(zip(states.encodings, states.mask.unbind(1), strict=True))
        total = total + config.variational_weight * variational_loss(
            {name: states.encodings[name] for name in states.decoded},
            {name: there[name] for name in states.decoded},
            features={name: feats[name] for name in states.decoded},
            decoded=states.decoded,
        )
    return total
