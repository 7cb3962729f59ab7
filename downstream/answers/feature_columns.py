"""Which feature every column of a channel belongs to."""

from __future__ import annotations

from downstream.methods.fold_work import FoldWork

PRETRAINED = "pretrained"
"""What embeddings of stage 1 are called here, which stand in the place of a feature, before it, or for themselves."""


def feature_columns(work: FoldWork) -> dict[str, list[str]]:
    """By channel the name of the feature, such as ``degrees``, that each of its columns belongs to.

    Single columns have no names: no graph says what the columns of a channel are, not even of numbers such as FB15K's
    ``facts``. Contributions are therefore told by feature, and not by column.
    """
    return {
        channel: [
            name for feature in features for name in [work.name_of(feature) or PRETRAINED] * feature.features.shape[1]
        ]
        for channel, features in work.channels.items()
    }
