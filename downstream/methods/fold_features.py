"""The features that a method reads on a fold: raw ones, those of training labels, and pretrained embeddings."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.neighbour_labels import TrainingLabels
from nie.data import Channel
from nie.errors import NieError
from nie.inputs.channels import ChannelFeatures, as_configured, feature_names
from nie.inputs.neighbours import neighbours
from nie.settings.sections import NEIGHBOUR_LABELS, NEIGHBOURS, features_in
from pretrain.cross_validation import Fold, fold_seed
from pretrain.embeddings import read_embeddings
from pretrain.inputs import NodeInputs


def label_features(config: ImportanceConfig, inputs: NodeInputs, fold: Fold) -> dict[str, Channel]:
    """The features that are made of the fold's training labels, by name; none where settings name none."""
    named = feature_names(inputs.kg, config.features) if config.reads_features else {}
    asked = [one for names in named.values() for one in names.split("+") if features_in(one) == [NEIGHBOUR_LABELS]]
    if not asked:
        return {}
    key = NEIGHBOUR_LABELS, fold.index, fold_seed(config.seed, fold.index)
    made = inputs.once(key, lambda: training_labels(config, inputs, fold).around(inputs.kg))
    return {one: as_configured(made, one.partition("~")[2], config.features) for one in asked}


def training_labels(config: ImportanceConfig, inputs: NodeInputs, fold: Fold) -> TrainingLabels:
    """The training labels of a fold as its nodes see them around them."""
    seed = fold_seed(config.seed, fold.index)
    make = functools.partial(TrainingLabels.of, inputs.kg, inputs.kg.targets, fold.train, seed)
    return inputs.once(("training labels", fold.index, seed), make)


def fold_channels(
    config: ImportanceConfig, inputs: NodeInputs, fold: Fold, of_labels: Mapping[str, Channel]
) -> dict[str, ChannelFeatures]:  # fmt: skip
    """The features of the fold by channel, with those embeddings that are asked for.

    A structural channel that is replaced keeps its degrees, and any keeps what it has of training labels; its
    neighbours are then those of the embeddings.

    Raises:
        NieError: pretrained embeddings are missing, or are not of this fold.
    """
    named = feature_names(inputs.kg, config.features) if config.reads_features else {}
    channels = dict(inputs.channels)
    for channel, names in named.items() if of_labels else ():
        raw = iter(channels[channel])
        channels[channel] = tuple(of_labels[one] if one in of_labels else next(raw) for one in names.split("+"))
    asked = config.embeddings
    if asked is not None:
        embeddings = read_embeddings(asked.pretrained, inputs.kg, fold)
        for name in asked.replaced or embeddings:
            if name not in embeddings:
                raise NieError(
                    f"The pretrained run {asked.pretrained} has no embedding of the channel {name}; "
                    f"use --replaced {','.join(embeddings)}."
                )
            if asked.pretrained_as == "channel":
                channels[f"pretrained_{name}"] = (embeddings[name],)
            elif asked.pretrained_as == "addition":
                channels[name] = (embeddings[name], *channels[name])
            else:
                degrees = channels[name][-1:] if name == "structural" and config.features.degrees else ()
                own, names = (embeddings[name], *degrees), named.get(name, "")
                around = [neighbours(inputs.kg, own)] if NEIGHBOURS in features_in(names) else []
                labels = [of_labels[one] for one in names.split("+") if one in of_labels]
                channels[name] = (embeddings[name], *around, *labels, *degrees)
    return channels
