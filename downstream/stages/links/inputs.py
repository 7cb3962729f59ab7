"""What link prediction reads: the splits, what is known, the channels of entities, and the model made for them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.settings import LinkConfig
from downstream.stages.links.split import SPLITS, with_held_out
from downstream.stages.links.zero_shot import with_held_out_relations
from nie.data import KnowledgeGraph, features, load
from nie.data.names_as_words import relations_as_nodes
from nie.errors import NieError
from nie.inputs.channels import named_features, standardized
from nie.inputs.device import choose_device
from nie.inputs.tensors import input_tensor, presence
from nie.layers.relation import RelationFusion
from nie.models.kge import MultiModalRotatE, RotatE
from nie.runs.run import Run
from nie.runs.weights import read_weights
from nie.settings.sections import FeaturesConfig, RelationsConfig

PHASES = math.pi / math.sqrt(3)
"""Standard deviation of uniform phases, with which RotatE begins."""


@dataclass(frozen=True, eq=False)
class LinkInputs:
    """The inputs that all repetitions of a run share.

    Attributes:
        kg: the graph, with what is held out.
        train, valid, test: (n, 3) head, relation and tail.
        seen: the training triples, looked up.
        known: the triples of all splits, looked up.
        channels: (N, d) by name.
        masks: (N,) bool by name, under ``structural`` the entities that a training triple names, and under
            ``likeness`` those that have the features of that name.
        likeness: (N, d), features by which entities that no training triple names are placed.
        relation_text: (R, d) features of the relations' names, where rotations are made from them.
        device: where tensors live.
    """

    kg: KnowledgeGraph
    train: Tensor
    valid: Tensor
    test: Tensor
    seen: KnownTriples
    known: KnownTriples
    channels: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    relation_text: Tensor | None
    likeness: Tensor | None
    device: torch.device

    @classmethod
    def of(cls, config: LinkConfig, *, data_root: str | Path = "datasets") -> LinkInputs:
        """Load or build everything that ``config`` asks for.

        Raises:
            NieError: the dataset or a feature cannot be had, or the graph is too small for the settings.
        """
        kg = whole = with_held_out(load(config.dataset, data_root), config.hold_out, config.seed, config.valid_at_least)
        if config.hold_out_relations:
            kg = with_held_out_relations(whole, config.hold_out_relations, config.seed)
        device = choose_device(config.device)
        every = np.concatenate([whole.triples, *whole.held_out.values()])
        seen, known = (KnownTriples(part, kg.num_nodes, kg.num_relations) for part in (kg.triples, every))
        settings, text = FeaturesConfig(), None
        if config.model.relations.text != "none":
            words = features(relations_as_nodes(kg), config.model.relations.text, root=data_root)
            text = torch.from_numpy(standardized(words)).to(device)
        parts = {name: named_features(kg, names, settings, data_root) for name, names in config.channels.items()}
        likeness = None
        if config.unseen.features != "none":
            likeness = named_features(kg, config.unseen.features, settings, data_root)
        trained = torch.zeros(kg.num_nodes, dtype=torch.bool)
        trained[torch.from_numpy(kg.triples[:, [0, 2]].ravel())] = True
        masks = {"structural": trained, **{name: presence(part) for name, part in parts.items()}}
        if likeness is not None:
            masks["likeness"] = presence(likeness)
        train, valid, test = (
            torch.from_numpy(np.array(part)).to(device) for part in (kg.triples, *(kg.held_out[s] for s in SPLITS))
        )
        return cls(
            kg=kg, train=train, valid=valid, test=test, seen=seen, known=known,
            channels={name: input_tensor(part, settings).to(device) for name, part in parts.items()},
            masks={name: mask.to(device) for name, mask in masks.items()},
            relation_text=text, likeness=None if likeness is None else input_tensor(likeness, settings).to(device),
            device=device,
        )  # fmt: skip

    @property
    def made_from(self) -> dict[str, str]:
        """sha256 of the graph with its splits, and of the features."""
        digests = {"dataset_sha256": self.kg.digest}
        further = {"relation text": self.relation_text, "likeness": self.likeness}
        read = {**self.channels, **{name: table for name, table in further.items() if table is not None}}
        if read:
            sha = hashlib.sha256()
            for name, table in read.items():
                sha.update(f"{name} {tuple(table.shape)}".encode())
                sha.update(table.cpu().numpy().tobytes())
            digests["channels_sha256"] = sha.hexdigest()
        return digests

    def build(self, config: LinkConfig) -> RotatE | MultiModalRotatE:
        """A new model, with parameters of torch's random state."""
        sizes: dict[str, Any] = {"num_entities": self.kg.num_nodes, "num_relations": self.kg.num_relations}
        if not self.channels:
            relations = self._relations(config)
            rotate = RotatE(
                **sizes, size=config.model.size, margin=config.model.margin, relations=relations,
                handicap=self.likeness is not None,
            )  # fmt: skip
            return rotate.to(self.device)
        settings = config.model.model_dump(exclude={"relations"})
        settings["extract_after"] *= math.ceil(len(self.train) / config.batch_size)  # the model counts steps
        return MultiModalRotatE(**sizes, channels=self.channels, masks=self.masks, **settings).to(self.device)

    def _relations(self, config: LinkConfig) -> RelationFusion | None:
        if config.model.relations == RelationsConfig():
            return None
        settings = config.model.relations.model_dump(exclude={"text"})
        return RelationFusion(
            self.kg.num_relations, config.model.size, text=self.relation_text, deviation=PHASES, **settings
        )

    def load(self, config: LinkConfig, run: Run, repeat: int) -> RotatE | MultiModalRotatE:
        """The trained model of a finished repetition, in eval mode.

        Raises:
            NieError: its weights are missing or do not fit.
        """
        path = run.fold_path(repeat) / "model.safetensors"
        if not path.exists():
            raise NieError(f"{path} is missing; give a run with a finished repetition.")
        model = self.build(config)
        read_weights(path, model)
        return model.eval()
