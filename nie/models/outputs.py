"""What every model that estimates importance returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from nie.errors import NieError
from nie.layers import Encoding, Fused
from nie.layers.rows import Rows, SideBySide


@dataclass(frozen=True)
class ChannelStates:
    """What a model of channels computed on the way to its scores, for losses and studies.

    Attributes:
        encodings: by channel, before the fusion.
        mask: (N, M), the channels that a node has, before any is hidden in training.
        fused: what the fusion gave.
        projected: (N, M, P) projections of the encodings, for losses that align them; None without them.
        decoded: (N, size) by channel, of those whose features are reconstructed.
    """

    encodings: Mapping[str, Encoding]
    mask: Tensor
    fused: Fused
    projected: Tensor | None
    decoded: Mapping[str, Tensor]


@dataclass(frozen=True)
class SignalMeans:
    """What a model of several signals of importance says of each.

    Attributes:
        means: (N, S) the expected value of every signal at every node, the score first.
        log_variance: (S,) of the noise of every signal.
    """

    means: Tensor
    log_variance: Tensor


@dataclass(frozen=True)
class ImportanceScores:
    """``score`` (N,), and ``by_channel`` (N, C): the score that each channel alone would give.

    A model that reads all channels as one has one column, the score itself, and no ``states``. ``tier_logits`` (N, ...)
    are there where the model has a head for tiers, and ``hidden`` (N, d), the vector that a node's score is read from,
    where there is one: `nie.models.GENI` and `nie.models.SGC` pass numbers along the edges, and have none.
    ``channel_weights`` (N, C) say how much each channel counts in a node's score, where a model weighs them, and
    ``log_variance`` (N,) how sure the score is, where a head for it stands behind the model. ``signals`` are there
    where a model learns several signals of importance.
    """

    score: Tensor
    by_channel: Tensor
    states: ChannelStates | None = None
    tier_logits: Tensor | None = None
    hidden: Tensor | None = None
    channel_weights: Tensor | None = None
    log_variance: Tensor | None = None
    signals: SignalMeans | None = None

    @classmethod
    def of(
        cls, score: Tensor, states: ChannelStates | None = None, tier_logits: Tensor | None = None,
        hidden: Tensor | None = None, channel_weights: Tensor | None = None,
    ) -> ImportanceScores:  # fmt: skip
        """Scores (N,) of a model that reads all channels as one.

        >>> ImportanceScores.of(torch.zeros(3)).by_channel.shape
        torch.Size([3, 1])
        """
        return cls(score, score[:, None], states, tier_logits, hidden, channel_weights)


def side_by_side(feats: Mapping[str, Tensor], channels: Sequence[str]) -> Tensor:
    """The channels' features (N, sum of sizes), in the order of ``channels``; of those that are not held, as such.

    Raises:
        NieError: a channel is missing.

    >>> side_by_side({"semantic": torch.ones(2, 3), "structural": torch.ones(2, 1)}, ["structural", "semantic"]).shape
    torch.Size([2, 4])
    """
    check_channels(feats, channels)
    parts = [feats[name] for name in channels]
    if any(isinstance(part, Rows) for part in parts):
        return cast(Tensor, SideBySide(parts))
    return torch.cat(parts, dim=1)


def check_channels(feats: Mapping[str, Tensor], channels: Sequence[str]) -> None:
    """Raise unless ``feats`` has every channel that the model was built with."""
    missing = [name for name in channels if name not in feats]
    if missing:
        raise NieError(f"The model was built with channel {missing[0]!r}, but feats has only {sorted(feats)}.")
