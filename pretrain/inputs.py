"""What a stage needs before its first fold: the graph, its message graph, features by channel and the folds."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from nie.config import FeaturesConfig, StageConfig
from nie.data import Channel, KnowledgeGraph, MessageGraph, features, load, message_graph
from nie.errors import NieError, nearest
from nie.progress import log
from pretrain.cross_validation import Fold, make_folds

Parts: TypeAlias = tuple[Channel, ...]
CONTROLS = ("shuffled", "noise", "flags")


@dataclass(frozen=True)
class StageInputs:
    """The inputs that all folds of a stage share.

    Attributes:
        kg: the knowledge graph.
        message: its message graph; the relations of its edges are on ``device``, the DGL graph on the CPU.
        channels: raw features by channel, in parts that are standardised apart; the degrees are the last part of the
            structural channel.
        folds: all folds, indexed by number.
        device: where tensors live.
        data_root: folder of the datasets, where further features are kept.
    """

    kg: KnowledgeGraph
    message: MessageGraph
    channels: Mapping[str, Parts]
    folds: list[Fold]
    device: torch.device
    data_root: str | Path = "datasets"

    @functools.cached_property
    def made_from(self) -> dict[str, str]:
        """What a run on these inputs is made from: the graph with its labels, and the features as they are."""
        sha = hashlib.sha256()
        for name, parts in self.channels.items():
            for part in parts:
                sha.update(f"{name} {part.features.shape}".encode())
                sha.update(np.ascontiguousarray(part.features).tobytes())
                sha.update(np.ascontiguousarray(part.mask).tobytes())
        return {"dataset_sha256": self.kg.digest, "features_sha256": sha.hexdigest()}


def prepare(config: StageConfig, *, data_root: str | Path = "datasets") -> StageInputs:
    """Load or build everything that ``config`` asks for.

    Raises:
        NieError: the dataset, a feature or a fold cannot be had.
    """
    kg = load(config.dataset, data_root)
    folds = make_folds(kg.label_mask, num_folds=config.folds.num_folds, seed=config.folds.seed)
    message = message_graph(kg, inverse_relations=config.graph.inverse_relations, self_loops=config.graph.self_loops)
    device = device_of(config)
    names = _feature_names(kg, config.features)
    return StageInputs(
        kg=kg,
        # DGL's own part stays on the CPU, as PyPI's DGL knows nothing else; the kernels copy the edges once.
        message=replace(message, etype=message.etype.to(device)),
        channels={channel: named_features(kg, name, config.features, data_root) for channel, name in names.items()},
        folds=folds,
        device=device,
        data_root=data_root,
    )


def device_of(config: StageConfig) -> torch.device:
    """``device``, where ``auto`` takes CUDA if there is one that the attention kernels and the method can run on.

    Raises:
        NieError: a CUDA device that is not there, or that the kernels cannot run on.
    """
    return torch.device("cpu") if config.device == "auto" and not config.runs_on_cuda else choose_device(config.device)


def standardized(channel: Channel) -> np.ndarray[Any, Any]:
    """Zero mean and unit variance a column over the nodes that have the channel; the others stay zero.

    >>> standardized(Channel(np.array([[1.0], [3.0], [9.0]], np.float32), np.array([True, True, False]))).tolist()
    [[-1.0], [1.0], [0.0]]
    """
    present = channel.features[channel.mask]
    spread = present.std(axis=0)
    result = np.zeros_like(channel.features)
    result[channel.mask] = (present - present.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return result


def softly_limited(values: np.ndarray[Any, Any], limit: float) -> np.ndarray[Any, Any]:
    """Values as they are up to ``limit`` and growing with their logarithm beyond it, in both directions.

    >>> softly_limited(np.array([-2.0, 4.0, 5.0, 4 + np.e - 1]), 4.0).tolist()
    [-2.0, 4.0, 4.693147180559945, 5.0]
    """
    beyond = np.maximum(np.abs(values) - limit, 0)
    limited: np.ndarray[Any, Any] = np.clip(values, -limit, limit) + np.sign(values) * np.log1p(beyond)
    return limited


def input_tensor(parts: Parts, config: FeaturesConfig) -> Tensor:
    """The (N, d) input of an encoder: the parts of a channel side by side, each standardised if asked for."""
    columns = [standardized(part) if config.standardize else part.features for part in parts]
    if config.standardize and config.limit is not None:
        columns = [softly_limited(part, config.limit) for part in columns]
    return torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32))


def fold_seed(seed: int, fold: int) -> int:
    """A seed for one fold that no other fold of a run of the same seed shares."""
    return seed * 1000 + fold


def _feature_names(kg: KnowledgeGraph, config: FeaturesConfig) -> dict[str, str]:
    """Name of the features of each channel; a graph without texts has no semantic channel unless it brings one."""
    for name in config.more:
        if name in ("structural", "semantic"):
            raise NieError(f"features.more names the channel {name}; give it as --features.{name}.")
    names = {"structural": config.structural, "semantic": config.semantic}
    for channel, computed in (("structural", "node2vec"), ("semantic", "tfidf")):
        if names[channel] == "auto":
            names[channel] = channel if channel in kg.channels else computed
    if config.semantic == "auto" and names["semantic"] == "tfidf" and not any(kg.text):
        log.info("%s has no texts: only the structural channel is used", kg.name)
        del names["semantic"]
    names = {channel: name for channel, name in {**names, **config.more}.items() if name != "none"}
    if not names:
        raise NieError("No channel of features is left; give features.structural, features.semantic or features.more.")
    if config.degrees and "structural" in names:
        names["structural"] += "+degrees"
    return names


def named_features(kg: KnowledgeGraph, names: str, config: FeaturesConfig, data_root: str | Path) -> Parts:
    """The features that ``names``, joined by ``+``, stand for; ``~shuffled`` and the like behind one make a control."""
    walks = {"num_walks": config.num_walks, "walk_length": config.walk_length}

    def part(name: str) -> Channel:
        name, _, control = name.partition("~")
        computed = features(kg, name, root=data_root, seed=config.seed, **(walks if name == "node2vec" else {}))
        return controlled(computed, control, config.seed) if control else computed

    return tuple(part(name) for name in names.split("+"))


def controlled(channel: Channel, control: str, seed: int) -> Channel:
    """A channel of the same size that says less: what a model gains from it, it does not gain from what it says.

    Args:
        channel: the real one.
        control: ``shuffled``, the rows of the nodes that have it in random order; ``noise``, normal values with the
            mean and deviation of each column; ``flags``, one column, whether a node has it.
        seed: of the randomness.

    Raises:
        NieError: an unknown control.

    >>> channel = Channel(np.array([[1.0], [0.0], [3.0]], np.float32), np.array([True, False, True]))
    >>> controlled(channel, "flags", 0).features.tolist()
    [[1.0], [0.0], [1.0]]
    """
    if control not in CONTROLS:
        hint = nearest(control, CONTROLS)
        raise NieError(f"There is no control {control!r}{hint}; use one of ~{', ~'.join(CONTROLS)}.")
    if control == "flags":
        return Channel(channel.mask[:, None].astype(np.float32), np.ones_like(channel.mask))
    generator, made = np.random.default_rng(seed), np.zeros_like(channel.features)
    rows = channel.features[channel.mask]
    if control == "shuffled":
        made[channel.mask] = generator.permutation(rows)
    else:
        made[channel.mask] = generator.normal(rows.mean(axis=0), rows.std(axis=0), size=rows.shape)
    return Channel(made, channel.mask)


def presence(parts: Parts) -> Tensor:
    """(N,) the nodes that have a part of the channel."""
    return torch.from_numpy(np.any([part.mask for part in parts], axis=0))


def choose_device(wanted: str) -> torch.device:
    """The device of that name; ``auto`` is CUDA where there is one that the kernels can run on, and else the CPU.

    Raises:
        NieError: a CUDA device that is not there, or that the kernels cannot run on.
    """
    has_triton = importlib.util.find_spec("triton") is not None
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() and has_triton else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise NieError(f"torch finds {count} CUDA devices here, which leaves no {wanted}; use --device cpu.")
        if not has_triton:
            raise NieError(
                f"--device {wanted} needs the package triton: pip install -e '.[gpu]' in nie's folder, or use "
                "--device cpu."
            )
    return device
