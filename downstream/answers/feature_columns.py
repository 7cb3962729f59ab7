"""Which feature every column of a channel belongs to."""

from __future__ import annotations

from collections.abc import Callable

from downstream.methods.fine_tuning import FineTuning
from downstream.methods.fold_work import FoldWork
from nie.data import Channel
from nie.inputs.channels import ChannelFeatures

PRETRAINED = "pretrained"
"""What embeddings of stage 1 are called here, which stand in the place of a feature, before it, or for themselves."""


def feature_columns(work: FoldWork, tuning: FineTuning | None = None) -> dict[str, list[str]]:
    """By channel the name of the feature, such as ``degrees``, that each of its columns belongs to.

    Single columns have no names: no graph says what the columns of a channel are, not even of numbers such as FB15K's
    ``facts``. Contributions are therefore told by feature, and not by column.

    Args:
        work: the fold.
        tuning: encoders of stage 1 that are trained along, which read their own features in the place of embeddings.
    """
    return {
        channel: _columns(tuning.encoded(channel), tuning.pretrained.inputs.name_of) + _columns(known[1:], work.name_of)
        if tuning is not None and channel in tuning.channels
        else _columns(known, work.name_of)
        for channel, known in work.channels.items()
    }


def _columns(features: ChannelFeatures, name_of: Callable[[Channel], str | None]) -> list[str]:
    return [name for one in features for name in [name_of(one) or PRETRAINED] * one.features.shape[1]]
