"""Relation vectors of the models of both stages, from the names of relations and the graph around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from nie.data import features
from nie.data.relation_text import relations_as_nodes
from nie.layers.relation import RelationContext, RelationFusion, relation_context, with_inverses
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
        text = relation_features(inputs, config.text).to(inputs.device) if config.text != "none" else None
        context = _context(inputs, feats) if config.context_weight else None
        return cls(config, inputs.message.num_relations, text, context)

    def table(self, size: int) -> RelationFusion | None:
        """New relation vectors of this size; None where they are the free parameters that every model has."""
        if self.config == RelationsConfig():
            return None
        settings = self.config.model_dump(exclude={"text"})
        return RelationFusion(self.num_relations, size, text=self.text, context=self.context, **settings)


def relation_weights(model: nn.Module) -> dict[str, float]:
    """How much each part of a model's relation vectors counts now, for the curves; nothing for free parameters."""
    relations = getattr(model, "relations", None)
    weights = relations.weights() if isinstance(relations, RelationFusion) else {}
    return {f"{name} weight": weight for name, weight in weights.items()}


def relation_features(inputs: StageInputs, kind: str) -> Tensor:
    """(R, d) standardised features of the names of a message graph's relations, inverses and self-loops included."""
    nodes = relations_as_nodes(inputs.kg, **_added(inputs))
    return torch.from_numpy(standardized(features(nodes, kind, root=inputs.data_root)))


def _context(inputs: StageInputs, feats: Mapping[str, Tensor]) -> RelationContext:
    """On the device of the features."""
    feat, kg = torch.cat(list(feats.values()), dim=1), inputs.kg
    src, dst, etype = (torch.from_numpy(np.array(ids)).to(feat.device) for ids in (kg.src, kg.dst, kg.etype))
    return with_inverses(relation_context(src, dst, etype, kg.num_relations, feat), **_added(inputs))


def _added(inputs: StageInputs) -> dict[str, bool]:
    """What the message graph has beyond the graph's own relations."""
    return {"inverse_relations": inputs.message.inverse_relations, "self_loops": inputs.message.self_loops}
