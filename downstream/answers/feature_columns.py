"""Which feature every column of a channel belongs to."""

from __future__ import annotations

from downstream.methods.fold_work import FoldWork
from nie.inputs.channels import feature_names

PRETRAINED = "pretrained"
"""What embeddings of stage 1 are called here, which stand in the place of a feature, before it, or for themselves."""


def feature_columns(work: FoldWork) -> dict[str, list[str]]:
    """By channel the name of the feature, such as ``degrees``, that each of its columns belongs to.

    Single columns have no names: no graph says what the columns of a channel are, not even of numbers such as FB15K's
    ``facts``. Contributions are therefore told by feature, and not by column.
    """
    inputs, columns = work.inputs, dict[str, list[str]]()
    names = feature_names(inputs.kg, inputs.config.features)
    for channel, features in work.channels.items():
        raw = zip(inputs.channels.get(channel, ()), names.get(channel, "").split("+"), strict=False)
        named = {id(feature): name for feature, name in raw}
        columns[channel] = [
            name for feature in features for name in [named.get(id(feature), PRETRAINED)] * feature.features.shape[1]
        ]
    return columns
