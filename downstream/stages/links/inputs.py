"""What link prediction reads: the splits, what is known, and the channels of entities."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from downstream.stages.links.held_out_relations import with_held_out_relations
from downstream.stages.links.settings import LinkConfig
from downstream.stages.links.split import with_held_out
from nie.arrays import Floats32, Ints
from nie.data import KnowledgeGraph, features, load
from nie.data.names_as_words import relations_as_nodes
from nie.data.node_features.cache import missing_packages
from nie.data.version import version_of
from nie.extras import Package, require_all
from nie.inputs.channels import ChannelFeatures, channel_packages, input_array, named_features, standardized
from nie.settings.sections import FeaturesConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from downstream.stages.links.known_triples import KnownTriples
    from nie.layers.relation import RelationContext


@dataclass(frozen=True, eq=False)
class LinkInputs:
    """The inputs that all repetitions of a run share; tensors are made when they are first asked for.

    Attributes:
        kg: the graph, with what is held out.
        version: which version of the dataset it was made from, of `nie.data.version.version_of`.
        triples: (n, 3) head, relation and tail of all splits, also of relations that are held out.
        raw_channels: features of entities by channel.
        likeness_features: features by whose likeness entities are placed that no training triple names; None where none
            are.
        context_features: features of entities whose means are the context of relations; None where there is none.
        words: (R, d) features of the relations' names, standardised, where rotations are made from them.
        wanted_device: the setting ``device``.
    """

    kg: KnowledgeGraph
    version: Mapping[str, str]
    triples: Ints
    raw_channels: Mapping[str, ChannelFeatures]
    likeness_features: ChannelFeatures | None
    context_features: ChannelFeatures | None
    words: Floats32 | None
    wanted_device: str

    @classmethod
    def of(
        cls, config: LinkConfig, *, data_root: str | Path = "datasets", kg: KnowledgeGraph | None = None
    ) -> LinkInputs:  # fmt: skip
        """Load or build everything that ``config`` asks for.

        Args:
            config: the settings.
            data_root: folder of the datasets.
            kg: the dataset's graph, where it is loaded already.

        Raises:
            NieError: the dataset or a feature cannot be had, or the graph is too small for the settings.
        """
        kg = load(config.dataset, data_root) if kg is None else kg
        version = version_of(kg)
        require_all(packages_for(config, kg, data_root))
        kg = whole = with_held_out(kg, config.hold_out, config.seed, config.valid_at_least)
        if config.hold_out_relations:
            kg = with_held_out_relations(whole, config.hold_out_relations, config.seed)
        settings, text = FeaturesConfig(), config.model.relations.text

        def read(names: str) -> ChannelFeatures | None:
            return None if names == "none" else named_features(kg, names, settings, data_root)

        return cls(
            kg=kg,
            version=version,
            triples=np.concatenate([whole.triples, *whole.held_out.values()]),
            raw_channels={
                name: named_features(kg, names, settings, data_root) for name, names in config.channels.items()
            },
            likeness_features=read(config.unseen.features),
            context_features=read(config.relation_context),
            words=None if text == "none" else standardized(features(relations_as_nodes(kg), text, root=data_root)),
            wanted_device=config.device,
        )

    @functools.cached_property
    def made_from(self) -> dict[str, str]:
        """sha256 of the graph with its splits, and of the features."""
        digests = {**self.version, "dataset_sha256": self.kg.digest}
        further = {"relation text": self.words, "likeness": self._likeness, "relation context": self._surroundings}
        read = {**self._arrays, **{name: array for name, array in further.items() if array is not None}}
        if read:
            sha = hashlib.sha256()
            for name, array in read.items():
                sha.update(f"{name} {array.shape}".encode())
                sha.update(array.tobytes())
            digests["channels_sha256"] = sha.hexdigest()
        return digests

    @functools.cached_property
    def _arrays(self) -> dict[str, Floats32]:
        return {name: input_array(features, FeaturesConfig()) for name, features in self.raw_channels.items()}

    @functools.cached_property
    def _likeness(self) -> Floats32 | None:
        return None if self.likeness_features is None else input_array(self.likeness_features, FeaturesConfig())

    @functools.cached_property
    def _surroundings(self) -> Floats32 | None:
        return None if self.context_features is None else input_array(self.context_features, FeaturesConfig())

    @functools.cached_property
    def device(self) -> torch.device:
        """Where tensors live."""
        from nie.inputs.device import choose_device

        return choose_device(self.wanted_device)

    @functools.cached_property
    def train(self) -> Tensor:
        """(n, 3) head, relation and tail."""
        return self._tensor(np.array(self.kg.triples))

    @functools.cached_property
    def valid(self) -> Tensor:
        """(n, 3) the triples that choose the epoch."""
        return self._tensor(np.array(self.kg.held_out["valid"]))

    @functools.cached_property
    def test(self) -> Tensor:
        """(n, 3) the triples to be ranked once, after training."""
        return self._tensor(np.array(self.kg.held_out["test"]))

    @functools.cached_property
    def seen(self) -> KnownTriples:
        """The training triples, looked up."""
        return self._lookup(self.kg.triples)

    @functools.cached_property
    def known(self) -> KnownTriples:
        """The triples of all splits, looked up."""
        return self._lookup(self.triples)

    @functools.cached_property
    def channels(self) -> dict[str, Tensor]:
        """(N, d) by name."""
        return {name: self._tensor(array) for name, array in self._arrays.items()}

    @functools.cached_property
    def masks(self) -> dict[str, Tensor]:
        """(N,) bool by name: the entities that have the channel.

        Those that a training triple names are under ``structural``, those that have the features to be placed by under
        ``likeness``.
        """
        from nie.inputs.tensors import presence

        trained = np.zeros(self.kg.num_nodes, dtype=bool)
        trained[self.kg.triples[:, [0, 2]].ravel()] = True
        every = dict(self.raw_channels)
        if self.likeness_features is not None:
            every["likeness"] = self.likeness_features
        has_channel = {name: presence(features).to(self.device) for name, features in every.items()}
        return {"structural": self._tensor(trained), **has_channel}

    @functools.cached_property
    def informed(self) -> Tensor:
        """(N,) bool: the entities that a training triple names or that have a channel; nothing is known of others."""
        import torch

        return torch.stack(list(self.masks.values())).any(dim=0)

    @functools.cached_property
    def likeness(self) -> Tensor | None:
        """(N, d), features by which entities that no training triple names are placed."""
        return None if self._likeness is None else self._tensor(self._likeness)

    @functools.cached_property
    def relation_context(self) -> RelationContext | None:
        """What stands around the relations in the training triples; None where no feature is read for it."""
        if self._surroundings is None:
            return None
        from nie.layers.relation import relation_context

        heads, relations, tails = self.train.unbind(1)
        return relation_context(heads, tails, relations, self.kg.num_relations, self._tensor(self._surroundings))

    @functools.cached_property
    def relation_text(self) -> Tensor | None:
        """(R, d) features of the relations' names, where rotations are made from them."""
        return None if self.words is None else self._tensor(self.words)

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        import torch  # imported here, because a report asks only what a run was made from

        return torch.from_numpy(array).to(self.device)

    def _lookup(self, triples: Ints) -> KnownTriples:
        from downstream.stages.links.known_triples import KnownTriples

        return KnownTriples(triples, self.kg.num_nodes, self.kg.num_relations)


def packages_for(config: LinkConfig, kg: KnowledgeGraph, data_root: str | Path) -> Iterator[Package]:
    """The packages that computing the features of entities and of relations' names will need."""
    text = config.model.relations.text
    for names in (*config.channels.values(), config.unseen.features, config.relation_context):
        if names != "none":
            yield from channel_packages(kg, names, FeaturesConfig(), data_root)
    if text != "none":
        yield from missing_packages(relations_as_nodes(kg), text, root=data_root)
