"""Relation vectors of the models of both stages, from the names of relations and the graph around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nie.data import MessageGraph, features
from nie.data.relation_text import relations_as_nodes
from nie.layers.relation import RelationContext, RelationFusion, relation_context
from nie.model_config import RelationsConfig
from pretrain.inputs import StageInputs, standardized


@dataclass(frozen=True, eq=False)
class RelationInputs:
    """What relation vectors are made from, as far as the settings ask for it.

    Attributes:
        config: the settings.
        num_relations: R, of the message graph.
        text: (R, d) features of the relations' names, standardised.
        context: of the message graph.
    """

    config: RelationsConfig
    num_relations: int
    text: Tensor | None = None
    context: RelationContext | None = None

    @classmethod
    def of(cls, config: RelationsConfig, inputs: StageInputs, feats: Mapping[str, Tensor]) -> RelationInputs:
        """Collect what ``config`` asks for; ``feats`` are the features of nodes by channel, which the context reads.

        Raises:
            NieError: the names of the relations hold no words.
        """
        message = inputs.message
        text = relation_features(inputs, config.text).to(inputs.device) if config.text != "none" else None
        context = _context(message, feats) if config.context_weight else None
        return cls(config, message.num_relations, text, context)

    def table(self, size: int) -> RelationFusion | None:
        """New relation vectors of this size; None where they are the free parameters that every model has."""
        if self.config == RelationsConfig():
            return None
        settings = self.config.model_dump(exclude={"text"})
        return RelationFusion(self.num_relations, size, text=self.text, context=self.context, **settings)


def relation_features(inputs: StageInputs, kind: str) -> Tensor:
    """(R, d) standardised features of the names of a message graph's relations, inverses and self-loops included."""
    kg, message = inputs.kg, inputs.message
    inverse = message.num_relations >= 2 * kg.num_relations
    loops = message.num_relations - kg.num_relations * (2 if inverse else 1) == 1
    nodes = relations_as_nodes(kg, inverse_relations=inverse, self_loops=loops)
    return torch.from_numpy(standardized(features(nodes, kind, root=inputs.data_root)))


def _context(message: MessageGraph, feats: Mapping[str, Tensor]) -> RelationContext:
    """On the device of the features."""
    feat = torch.cat(list(feats.values()), dim=1)
    src, dst = (ends.to(feat.device) for ends in message.graph.edges())
    return relation_context(src, dst, message.etype, message.num_relations, feat)
