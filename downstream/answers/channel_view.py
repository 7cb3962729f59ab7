"""How much each channel of a node counts in a network, and how much each reads of the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from downstream.answers.scored_node import ScoredNode
from nie.layers import CoAttention

Key = TypeVar("Key")


@dataclass(frozen=True)
class ChannelView:
    """What a network makes of the channels of a node.

    Attributes:
        weights: by channel, how much it counts in the score; empty where a network does not weigh its channels.
        read: by pair of channels, how much the first attends to the second; empty without co-attention.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    read: Mapping[tuple[str, str], float] = field(default_factory=dict)


def channel_view(scored: ScoredNode) -> ChannelView:
    """What the network of a node makes of the node's channels: one run of it, on the facts as they are."""
    seen: list[Tensor] = []

    def see(layer: CoAttention, given: tuple[Any, ...]) -> None:
        seen.append(layer.attention(*given)[0])

    hooks = [layer.register_forward_pre_hook(see) for layer in scored.model.modules() if isinstance(layer, CoAttention)]
    try:
        with torch.no_grad():
            weights = scored.outputs(scored.whole).channel_weights
    finally:
        for hook in hooks:
            hook.remove()
    names = list(scored.features)
    counted = {} if weights is None else dict(zip(names, weights[0].tolist(), strict=True))
    if not seen:
        return ChannelView(counted)
    pairs = itertools.product(names, names)
    return ChannelView(counted, dict(zip(pairs, seen[0].flatten().tolist(), strict=True)))


def mean_of(values: Iterable[tuple[float, Mapping[Key, float]]]) -> dict[Key, float]:
    """The mean of mappings by their shares, of those that hold something; what one of them lacks is 0 there.

    >>> mean_of([(0.25, {"text": 1.0}), (0.25, {"text": 0.5, "image": 0.5}), (0.5, {})])
    {'text': 0.75, 'image': 0.25}
    """
    held = [(share, value) for share, value in values if value]
    whole, total = sum(share for share, _ in held), dict[Key, float]()
    for share, value in held:
        for key, number in value.items():
            total[key] = total.get(key, 0.0) + share * number / whole
    return total
