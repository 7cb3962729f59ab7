"""What a stage needs before its first fold: the graph, its message graph, features by channel and the folds."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from nie.arrays import Ints
from nie.data import Channel, KnowledgeGraph, load
from nie.data.names_as_words import relations_as_nodes
from nie.data.node_features.cache import missing_packages
from nie.data.version import version_of
from nie.disk.mapped import pieces
from nie.errors import NieError
from nie.extras import Package, require_all
from nie.inputs.channels import ChannelFeatures, channel_packages, feature_names, named_features, without_labels
from nie.progress import log
from nie.settings.run import FoldsRunConfig
from nie.settings.sections import NEIGHBOUR_LABELS
from pretrain.cross_validation import Fold, folds_of

if TYPE_CHECKING:
    import torch

    from nie.data import MessageGraph
    from nie.inputs.relations import RelationMaterial, RelationSource
    from nie.models import ImportanceScores
    from nie.settings.sections import BatchConfig, RelationsConfig
    from nie.training.block_batches import NeighbourBatches, SampledNodes

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class NodeInputs:
    """The inputs that all folds of a stage share; what needs torch is made when it is first asked for.

    Attributes:
        kg: the knowledge graph.
        channels: raw features by channel, each standardised apart; the degrees are the last of the structural channel.
            Empty for a method that reads none. What is made of labels is not among them, as each fold has its own.
        folds: all folds, indexed by number.
        config: the settings; only those of the graph, the features and the device are read.
        data_root: folder of the datasets, where further features are kept.
    """

    kg: KnowledgeGraph
    channels: Mapping[str, ChannelFeatures]
    folds: list[Fold]
    config: FoldsRunConfig
    data_root: str | Path = "datasets"
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` returned when ``key`` was first asked for, such as things of a fold that several runs share.

        >>> from nie.data import synthetic
        >>> inputs = NodeInputs(synthetic(0), {}, [], FoldsRunConfig(dataset="synthetic"))
        >>> inputs.once("list", list) is inputs.once("list", list)
        True
        """
        if key not in self._made:
            self._made[key] = make()
        return cast(Made, self._made[key])

    @functools.cached_property
    def feature_names(self) -> dict[str, list[str]]:
        """By channel the names of its features, in the order of ``channels``."""
        named = feature_names(self.kg, self.config.features) if self.channels else {}
        return {channel: without_labels(names) for channel, names in named.items()}

    def name_of(self, feature: Channel) -> str | None:
        """What settings call a feature; None for one that is not among ``channels``, as pretrained ones are."""
        for channel, names in self.feature_names.items():
            for name, own in zip(names, self.channels[channel], strict=True):
                if own is feature:
                    return name
        return None

    @functools.cached_property
    def device(self) -> torch.device:
        """Where tensors live."""
        from nie.inputs.device import choose_device

        return choose_device(self.config.device)

    @functools.cached_property
    def message(self) -> MessageGraph:
        """The message graph; the relations of its edges are on the device, the DGL graph is on the CPU."""
        from nie.data import message_graph

        message = message_graph(self.kg, **self.config.graph.model_dump())
        # DGL's own part stays on the CPU, the one device that PyPI's DGL knows; the kernels copy the edges once.
        return replace(message, etype=message.etype.to(self.device))

    @functools.cached_property
    def triples(self) -> Ints:
        """(E',) the fact that each edge of the message graph stands for; -1 for a loop."""
        from nie.data.message_passing import triples_of

        return triples_of(self.message, self.kg)

    def tensor(self, features: ChannelFeatures) -> torch.Tensor:
        """The (N, d) input of an encoder on the device; that of a raw channel is made once."""
        from nie.inputs.tensors import input_tensor

        def make() -> torch.Tensor:
            return input_tensor(features, self.config.features).to(self.device)

        raw = next((name for name, own in self.channels.items() if own is features), None)
        return make() if raw is None else self.once(("tensor", raw), make)

    def rows(self, features: ChannelFeatures) -> torch.Tensor:
        """The matrix of `tensor`, of which no more is made than the rows that are read (`nie.layers.rows.Rows`)."""
        from nie.inputs.feature_rows import FeatureRows

        def make() -> torch.Tensor:
            return cast("torch.Tensor", FeatureRows(features, self.config.features, self.device))

        raw = next((name for name, own in self.channels.items() if own is features), None)
        return make() if raw is None else self.once(("rows", raw), make)

    def begin(self, fold: int, folder: Path) -> None:
        """Called where a fold is about to be worked on in a folder."""

    def share_checkpoint(self, folder: Path) -> None:
        """Called where a model is about to be trained in a folder of stage 1, which may have a checkpoint."""

    def presence(self, features: ChannelFeatures) -> torch.Tensor:
        """(N,) bool on the device, the nodes that have any feature of the channel."""
        from nie.inputs.tensors import presence

        return presence(features).to(self.device)

    def outputs(
        self, model: Any, message: MessageGraph, feats: Mapping[str, torch.Tensor], **further: Any
    ) -> ImportanceScores:  # fmt: skip
        """What a network gives for all nodes.

        Args:
            model: as `nie.models` describes it.
            message: the graph that it runs on: ``self.message``, or what this is with changed facts.
            feats: (N, d) by channel.
            further: other arguments of the model by name.
        """
        outputs: ImportanceScores = model(message.graph, feats, message.etype, **further)
        return outputs

    def embedding(self, model: Any, feat: torch.Tensor) -> torch.Tensor:
        """(N, d) what an encoder of stage 1 gives for all nodes, whose features are ``feat``."""
        made: torch.Tensor = model(self.message.graph, feat, self.message.etype)
        return made

    def sampled(self, batch: BatchConfig, hops: int) -> SampledNodes:
        """What computes an encoder for the nodes of a batch."""
        from nie.training.block_batches import SampledNodes
        from nie.training.neighbourhood import NeighbourSampler

        return SampledNodes(NeighbourSampler(self.message, [batch.fanout] * hops, batch.sampler))

    def batches(self, train: torch.Tensor, batch: BatchConfig, hops: int) -> NeighbourBatches:
        """The batches of training nodes that a network reads ``hops`` far; ``batch`` says how large they are."""
        from nie.training.block_batches import NeighbourBatches
        from nie.training.cluster_batches import ClusterBatches, num_clusters

        assert batch.size is not None, "the whole graph is no batch"
        if batch.sampler == "clusters":
            return ClusterBatches(self.message, train, hops, self._clusters(num_clusters(len(train), batch.size)))
        return NeighbourBatches(self.message, train, batch.size, [batch.fanout] * hops, batch.sampler)

    def _clusters(self, count: int) -> torch.Tensor:
        from nie.training.metis import metis_parts

        try:
            return self.once(("clusters", count), lambda: metis_parts(self.message.graph, count))
        except NieError as error:
            reason = str(error).partition(";")[0].rstrip(".")
            raise NieError(
                f"batch.sampler clusters cannot be used on {self.kg.name}: {reason}; give a larger batch.size, or "
                "leave the sampler out."
            ) from error

    @property
    def relation_source(self) -> RelationSource:
        """What relation vectors can be made from."""
        from nie.inputs.relations import RelationSource

        return RelationSource(self.kg, self.message, self.device, self.data_root)

    def relations(self, config: RelationsConfig, feats: Mapping[str, torch.Tensor]) -> RelationMaterial:
        """What relation vectors are made from; made once for all folds where it reads no pretrained features.

        Args:
            config: how they are made.
            feats: (N, d) by channel, of `tensor`, which the context of relations is made from.

        Raises:
            NieError: the names of the relations hold no words.
        """
        from nie.inputs.relations import RelationMaterial

        def make() -> RelationMaterial:
            return RelationMaterial.of(config, self.relation_source, feats)

        read = feats if config.context_weight else {}
        raw = all(
            any(feat is self._made.get((kind, name)) for kind in ("tensor", "rows")) for name, feat in read.items()
        )
        return self.once(("relations", config, tuple(read)), make) if raw else make()

    @functools.cached_property
    def made_from(self) -> dict[str, str]:
        """What a run on these inputs is made from: the graph with its labels, and the features as they are."""
        digests = {"dataset_sha256": self.kg.digest, **version_of(self.kg)}
        if self.channels:
            sha = hashlib.sha256()
            for name, features in self.channels.items():
                for feature in features:
                    sha.update(f"{name} {feature.features.shape}".encode())
                    for rows in pieces(feature.features):
                        sha.update(np.ascontiguousarray(rows).data)
                    sha.update(np.ascontiguousarray(feature.mask).data)
            digests["features_sha256"] = sha.hexdigest()
        return digests


def prepare(
    config: FoldsRunConfig, *, data_root: str | Path = "datasets", kg: KnowledgeGraph | None = None
) -> NodeInputs:  # fmt: skip
    """Load or build everything that ``config`` asks for.

    Args:
        config: the settings.
        data_root: folder of the datasets.
        kg: the dataset's graph, where it is loaded already.

    Raises:
        NieError: the dataset, a feature or a fold cannot be had.
    """
    kg = load(config.dataset, data_root) if kg is None else kg
    folds = folds_of(kg, config.folds)
    require_all(packages_for(config, kg, data_root))
    names = feature_names(kg, config.features) if config.reads_features else {}
    if names:
        said = (f"{channel} features are {name.replace('+', ', ')}" for channel, name in names.items())
        log.info("%s: %s", kg.name, "; ".join(said))
    if config.reads_training_labels:
        names = {channel: "+".join(without_labels(name)) for channel, name in names.items()}
    channels = {
        channel: named_features(kg, name, config.features, data_root) if name else () for channel, name in names.items()
    }
    return NodeInputs(kg, channels, folds, config, data_root)


def packages_for(config: FoldsRunConfig, kg: KnowledgeGraph, data_root: str | Path) -> Iterator[Package]:
    """The packages that computing the features of nodes and of relations' names will need."""
    names = feature_names(kg, config.features) if config.reads_features else {}
    for name in names.values():
        yield from channel_packages(kg, name, config.features, data_root)
    relations: RelationsConfig | None = getattr(getattr(config, "model", None), "relations", None)
    if relations is not None and relations.text != "none":
        yield from missing_packages(relations_as_nodes(kg, **config.graph.model_dump()), relations.text, root=data_root)


def inputs_key(config: FoldsRunConfig) -> str:
    """A key of what `prepare` reads: runs with the same key share their inputs."""
    asked = config.model_dump_json(include={"dataset", "graph", "features", "device"})
    folds = config.folds.model_dump_json(exclude={"run"})
    leaves_out = config.reads_training_labels and ("feature", NEIGHBOUR_LABELS) in config.uses()
    return f"{asked} {folds} {config.reads_features} {leaves_out}"
