"""Relation vectors of the models of both stages, from the names of relations and the graph around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nie.data import KnowledgeGraph, MessageGraph, features
from nie.data.names_as_words import relations_as_nodes
from nie.inputs.channels import standardized
from nie.layers.relation import RelationContext, RelationFusion, relation_context, with_inverses
from nie.settings.sections import RelationsConfig


class RelationSource(NamedTuple):
    """What relation vectors can be made from.

    Attributes:
        kg: the graph, with the names of its relations.
        message: its message graph, which may have more relations.
        device: where tensors live.
        data_root: folder of the datasets, where features are kept.
    """

    kg: KnowledgeGraph
    message: MessageGraph
    device: torch.device
    data_root: str | Path

    @property
    def added(self) -> dict[str, bool]:
        """What the message graph has beyond the graph's own relations: inverses, self-loops."""
        return {"inverse_relations": self.message.inverse_relations, "self_loops": self.message.self_loops}


@dataclass(frozen=True, eq=False)
class RelationMaterial:
    """What relation vectors are made from, as far as the settings ask for it.

    Attributes:
        config: the settings.
        num_relations: R, of the message graph.
        text: (R, d) features of the relations' names, standardised.
        context: surroundings of the relations in the message graph.
    """

    config: RelationsConfig
    num_relations: int
    text: Tensor | None = None
    context: RelationContext | None = None

    @classmethod
    def of(cls, config: RelationsConfig, source: RelationSource, feats: Mapping[str, Tensor]) -> RelationMaterial:
        """Collect what ``config`` asks for; ``feats`` are the features of nodes by channel, which the context reads.

        Raises:
            NieError: the names of the relations hold no words.
        """
        text = relation_features(source, config.text).to(source.device) if config.text != "none" else None
        context = _context(source, feats) if config.context_weight else None
        return cls(config, source.message.num_relations, text, context)

    def vectors(self, size: int) -> RelationFusion | None:
        """New relation vectors of this size; None where they are the free parameters that every model has."""
        if self.config == RelationsConfig():
            return None
        settings = self.config.model_dump(exclude={"text"})
        return RelationFusion(self.num_relations, size, text=self.text, context=self.context, **settings)


def relation_features(source: RelationSource, kind: str) -> Tensor:
    """(R, d) standardised features of the names of a message graph's relations, inverses and self-loops included."""
    nodes = relations_as_nodes(source.kg, **source.added)
    return torch.from_numpy(standardized(features(nodes, kind, root=source.data_root)))


def _context(source: RelationSource, feats: Mapping[str, Tensor]) -> RelationContext:
    """The context of relations, on the device of the features."""
    feat, kg = torch.cat(list(feats.values()), dim=1), source.kg
    src, dst, etype = (torch.from_numpy(np.array(ids)).to(feat.device) for ids in (kg.src, kg.dst, kg.etype))
    return with_inverses(relation_context(src, dst, etype, kg.num_relations, feat), **source.added)
