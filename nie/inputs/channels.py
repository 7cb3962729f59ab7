"""Features by channel: how they are named and standardised, and controls that say less. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from nie.arrays import Array, Floats32
from nie.data import Channel, KnowledgeGraph, features
from nie.data.node_features.cache import missing_packages
from nie.disk.mapped import pieces
from nie.errors import NieError, nearest
from nie.extras import Package
from nie.inputs.column_scale import ColumnScale
from nie.inputs.neighbours import neighbours
from nie.settings.sections import CHANNELS, NEIGHBOUR_LABELS, NEIGHBOURS, FeaturesConfig, features_in

ChannelFeatures: TypeAlias = tuple[Channel, ...]
"""The features of one channel, each with its mask; an encoder reads them side by side."""
CONTROLS = ("shuffled", "noise", "flags", "mean")


MOST_RAW = 30.0
"""Entries of embeddings and logarithms of counts stay below; a column that goes beyond has a unit, such as years."""


def standardized(channel: Channel, like: Channel | None = None) -> Array:
    """Every column with zero mean and unit variance over the nodes that have the channel; the others stay zero.

    Sequences are standardised over their steps.

    Args:
        channel: the features.
        like: those whose nodes give mean and variance, such as those that a network was trained on; by default the
            features themselves.

    >>> standardized(Channel(np.array([[1.0], [3.0], [9.0]], np.float32), np.array([True, True, False]))).tolist()
    [[-1.0], [1.0], [0.0]]
    """
    return ColumnScale.of(channel if like is None else like)(channel)


def without_units(channel: Channel, like: Channel | None = None) -> Channel:
    """The channel with those columns `standardized` that have a value beyond `MOST_RAW`.

    Beside them an encoder that reads features as they are would see nothing else. With ``like``, its values say which
    columns these are, and how they are standardised.

    >>> rows = np.array([[0.5, 1900.0], [0.1, 2000.0]], np.float32)
    >>> without_units(Channel(rows, np.array([True, True]))).features.tolist()
    [[0.5, -1.0], [0.10000000149011612, 1.0]]
    """
    known = channel if like is None else like
    if channel.steps is not None:
        return channel.with_steps(without_units(channel.by_step(), known.by_step()).features)
    wild = np.max([np.abs(rows).max(axis=0) for rows in pieces(known.features)], axis=0, initial=0) > MOST_RAW
    if not wild.any():
        return channel
    made = np.array(channel.features)
    columns = [Channel(one.features[:, wild], one.mask) for one in (channel, known)]
    made[:, wild] = standardized(*columns)
    return Channel(made, channel.mask)


def softly_limited(values: Array, limit: float) -> Array:
    """Values as they are up to ``limit``; beyond it, in both directions, they grow with their logarithm.

    >>> softly_limited(np.array([-2.0, 4.0, 5.0, 4 + np.e - 1]), 4.0).tolist()
    [-2.0, 4.0, 4.693147180559945, 5.0]
    """
    beyond = np.maximum(np.abs(values) - limit, 0)
    limited: Array = np.clip(values, -limit, limit) + np.sign(values) * np.log1p(beyond)
    return limited


def input_array(features: ChannelFeatures, config: FeaturesConfig, like: ChannelFeatures | None = None) -> Floats32:
    """The (N, d) input of an encoder: the features of a channel side by side, each standardised if asked for.

    If not, the first are as they are, and those behind them, such as degrees, are brought to their scale: standardised,
    and times the root of the mean square of the first. With ``like``, the scale is that of these features, such as
    those that a network was trained on.
    """
    return scaled(features, config, input_scales(features if like is None else like, config))


class InputScales(NamedTuple):
    """How the features of a channel are scaled.

    Attributes:
        of_features: of each; None for one that stays as it is.
        factor: what the others are multiplied by.
    """

    of_features: tuple[ColumnScale | None, ...]
    factor: float


def input_scales(features: ChannelFeatures, config: FeaturesConfig) -> InputScales:
    """The scales of `input_array`, by the nodes that have the features."""
    if config.standardize:
        return InputScales(tuple(map(ColumnScale.of, features)), 1.0)
    further = tuple(map(ColumnScale.of, features[1:]))
    first = features[0].features[features[0].mask] if further else ()
    return InputScales((None, *further), np.sqrt(np.mean(np.square(first))) if len(first) else 1.0)


def scaled(features: ChannelFeatures, config: FeaturesConfig, scales: InputScales) -> Floats32:
    """`input_array` with given scales, of all nodes or of some."""
    columns: list[Array] = []
    for feature, scale in zip(features, scales.of_features, strict=True):
        made = feature.features if scale is None else scale(feature)
        made = made if scale is None or config.standardize else scales.factor * made
        columns.append(softly_limited(made, config.limit) if config.standardize and config.limit is not None else made)
    alone = len(columns) == 1 and columns[0].flags.writeable  # what was made here, and belongs to no channel
    return columns[0] if alone else np.concatenate(columns, axis=1).astype(np.float32, copy=False)


def feature_names(kg: KnowledgeGraph, config: FeaturesConfig) -> dict[str, str]:
    """The features of each channel, by name.

    A graph without texts has no semantic channel unless it brings one, and one without edges no structural channel.

    What "auto" stands for is said by the graph, in ``meta["inputs"]``, so that features which a user gives with a graph
    of theirs are used; of a graph that says nothing, it is the channel of that name, else what is computed.

    >>> from nie.data import synthetic
    >>> feature_names(synthetic(0), FeaturesConfig(semantic="auto~shuffled"))
    {'structural': 'structural+degrees', 'semantic': 'semantic~shuffled'}
    >>> feature_names(synthetic(0), FeaturesConfig(structural="auto+relations", semantic="none"))
    {'structural': 'structural+relations+degrees'}
    """
    for name in config.more:
        if name in CHANNELS:
            raise NieError(f"features.more names the channel {name}; give it as --features.{name}.")
    names: dict[str, str] = {channel: getattr(config, channel) for channel in CHANNELS}
    for channel, computed in (("structural", "node2vec"), ("semantic", "tfidf")):
        first, *more = names[channel].split("+")
        name, tilde, control = first.partition("~")
        if name != "auto":
            continue
        if channel not in kg.channels and not _can_be_computed(channel, kg):
            read = set(features_in("+".join(more))) - {NEIGHBOURS, NEIGHBOUR_LABELS} if more else set()
            left = more if read else [one for one in more if features_in(one) != [NEIGHBOURS]]
            names[channel] = "+".join(left) or "none"
        else:
            usual = channel if channel in kg.channels else computed
            given = kg.meta.get("inputs", {}).get(channel, usual)
            names[channel] = "+".join([*(one + tilde + control for one in given.split("+")), *more])
    names = {channel: name for channel, name in {**names, **config.more}.items() if name != "none"}
    if not names:
        bare = not any(_can_be_computed(channel, kg) for channel in CHANNELS)
        why = f", because {kg.name} has neither texts nor edges between nodes" if bare else ""
        raise NieError(
            f"No channel of features is left{why}; give features.structural, features.semantic or features.more, or "
            "use a method that reads none, such as degree."
        )
    if config.degrees and "structural" in names:
        names["structural"] += "+degrees"
    return names


def _can_be_computed(channel: str, kg: KnowledgeGraph) -> bool:
    """Whether a graph has what the usual features of a channel are made of: texts, or edges that join two nodes."""
    return any(kg.text) if channel == "semantic" else bool((kg.src != kg.dst).any())


def named_features(kg: KnowledgeGraph, names: str, config: FeaturesConfig, data_root: str | Path) -> ChannelFeatures:
    """The features that ``names``, joined by ``+``, stand for; with ``~shuffled`` or the like at the end, a control.

    Where ``config`` leaves features as they are, they are `without_units`. ``neighbours`` are those of the features
    beside them.

    Raises:
        NieError: a feature cannot be had, or is made of the labels of a fold.
    """
    if NEIGHBOUR_LABELS in features_in(names):
        raise NieError(
            f"The feature {NEIGHBOUR_LABELS} is made of a fold's training labels, which only methods of importance "
            "estimation read as a feature; leave it out here."
        )

    def feature(name: str, beside: ChannelFeatures) -> Channel:
        name, _, control = name.partition("~")
        if name == NEIGHBOURS:
            return as_configured(neighbours(kg, beside), control, config)
        made = features(kg, name, root=data_root, seed=config.seed, **settings_of(name, config))
        return as_configured(made, control, config)

    named = names.split("+")
    own = {place: feature(one, ()) for place, one in enumerate(named) if features_in(one) != [NEIGHBOURS]}
    beside = tuple(own.values())
    return tuple(own[place] if place in own else feature(one, beside) for place, one in enumerate(named))


def as_configured(channel: Channel, control: str, config: FeaturesConfig) -> Channel:
    """A feature, or its ``control`` where that is given, `without_units` where features are not standardised."""
    made = controlled(channel, control, config.seed) if control else channel
    return made if config.standardize else without_units(made)


def without_labels(names: str) -> list[str]:
    """The features of a channel that are the same in every fold.

    >>> without_labels("node2vec+neighbour-labels+degrees")
    ['node2vec', 'degrees']
    """
    return [name for name in names.split("+") if features_in(name) != [NEIGHBOUR_LABELS]]


def channel_packages(
    kg: KnowledgeGraph, names: str, config: FeaturesConfig, data_root: str | Path
) -> Iterator[Package]:  # fmt: skip
    """The packages that `named_features` with these arguments would ask for."""
    for name in features_in(names):
        settings = settings_of(name, config)
        yield from missing_packages(kg, name, root=data_root, seed=config.seed, **settings)


def settings_of(name: str, config: FeaturesConfig) -> dict[str, int]:
    """The settings that a feature takes from the section of features."""
    if name == "node2vec":
        return {"num_walks": config.num_walks, "walk_length": config.walk_length}
    return {"most": config.counted_relations} if name == "relation-counts" else {}


def controlled(channel: Channel, control: str, seed: int) -> Channel:
    """A control: a channel that says less, to see how much of a gain comes from what the real one says.

    Args:
        channel: the real one.
        control: ``shuffled``, the rows of the nodes that have it in random order; ``noise``, normal values with the
            mean and deviation of each column; ``flags``, one column, whether a node has it; ``mean``, the mean of a
            sequence, in place of the sequence.
        seed: seed of what is drawn at random.

    Raises:
        NieError: an unknown control, or ``mean`` of what is no sequence.

    >>> channel = Channel(np.array([[1.0], [0.0], [3.0]], np.float32), np.array([True, False, True]))
    >>> controlled(channel, "flags", 0).features.tolist()
    [[1.0], [0.0], [1.0]]
    """
    if control not in CONTROLS:
        hint = nearest(control, CONTROLS)
        raise NieError(f"There is no control {control!r}{hint}; use one of ~{', ~'.join(CONTROLS)}.")
    if control == "flags":
        return Channel(channel.mask[:, None].astype(np.float32), np.ones_like(channel.mask))
    if control == "mean":
        return _means(channel)
    if control == "noise" and channel.steps is not None:
        return channel.with_steps(controlled(channel.by_step(), control, seed).features)
    generator, made = np.random.default_rng(seed), np.zeros_like(channel.features)
    rows = channel.features[channel.mask]
    if control == "shuffled":
        made[channel.mask] = generator.permutation(rows)
    else:
        made[channel.mask] = generator.normal(rows.mean(axis=0), rows.std(axis=0), size=rows.shape)
    return replace(channel, features=made)


def _means(channel: Channel) -> Channel:
    """(N, d) the means of the sequences."""
    if channel.steps is None:
        raise NieError("The control ~mean takes the mean of a sequence, and this channel has none.")
    steps = channel.by_step()
    counts = steps.mask.reshape(len(channel.mask), -1).sum(axis=1, keepdims=True)
    sums = steps.features.reshape(len(channel.mask), channel.steps, -1).sum(axis=1)
    return Channel((sums / np.maximum(counts, 1)).astype(np.float32), channel.mask)
