"""Training for nodes that are yet to come: some nodes are fed as if they had been added after training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from downstream.methods.fold_work import FoldWork
from nie.inputs.changed_features import is_learned
from nie.inputs.neighbour_means import neighbour_means
from nie.inputs.tensors import input_tensor


@dataclass(frozen=True, eq=False)
class UnseenNodes:
    """Features of random nodes as those of nodes that training never saw.

    An embedding of the whole graph, such as node2vec or a pretrained one, exists for the nodes that it was trained with
    alone; for a new node, the mean of its neighbours' vectors stands for it (`nie.inputs.changed_features`). A network
    that is fed such means for some of the nodes in each epoch learns what they are worth. Predictions are made with the
    features as they are.

    Attributes:
        means: (N, d) by channel that has an embedding: the features with means in the place of embeddings.
        share: of the nodes that are fed so.
    """

    means: Mapping[str, Tensor]
    share: float

    @classmethod
    def of(cls, work: FoldWork) -> UnseenNodes | None:
        """Those of a fold; None where the settings do not ask for them, or no feature is an embedding."""
        share, inputs, means = work.network.unseen_nodes, work.inputs, {}
        for channel, known in work.channels.items() if share else ():
            names = [work.name_of(one) for one in known]
            learned = [name is None or is_learned(inputs.kg, name) for name in names]
            if any(learned):
                features = tuple(
                    neighbour_means(inputs.kg, one).channel if embedded else one
                    for one, embedded in zip(known, learned, strict=True)
                )
                means[channel] = input_tensor(features, inputs.config.features, known).to(inputs.device)
        return cls(means, share) if means else None

    def draw(self, feats: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Features (N, d) by channel of which some nodes are fed as unseen ones, others in each call."""
        made, nodes = dict(feats), len(next(iter(feats.values())))
        unseen = torch.rand(nodes, generator=generator) < self.share
        for name, means in self.means.items():
            made[name] = torch.where(unseen.to(means.device)[:, None], means, feats[name])
        return made
