"""The few weights that a model learns of whole parts of its input, for the curves."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from nie.layers.fusion.attention import SoftmaxFusion
from nie.layers.relation import RelationFusion


def learned_weights(model: nn.Module, channels: Sequence[str] = ()) -> dict[str, float]:
    """How much each part of a model's relation vectors counts now, and each channel in a fusion by softmax.

    Args:
        model: any; what has no such weights gives nothing.
        channels: the names of the channels that it fuses, in order.

    >>> from nie.layers import ChannelFusion
    >>> learned_weights(ChannelFusion("softmax", 4, 2), ["structural", "text"])
    {'structural weight': 0.5, 'text weight': 0.5}
    """
    found: dict[str, float] = {}
    for part in model.modules():
        if isinstance(part, RelationFusion):
            found.update((f"{name} weight", weight) for name, weight in part.weights().items())
        elif isinstance(part, SoftmaxFusion):
            weights = part.weights()
            names = channels if len(channels) == len(weights) else [str(number) for number in range(len(weights))]
            found.update((f"{name} weight", weight) for name, weight in zip(names, weights, strict=True))
    return found
