"""The score of one node by one network, as a function of the node's facts and features.

A fact is a triple that the node is an end of. Where the message graph has inverse relations, a fact is two edges, which
go together. How much of a fact is there is its weight, from 0 for none to 1, see `nie.ops.edge_weight`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.answers.trained import TrainedNetwork
from nie.arrays import Floats, Ints
from nie.data import MessageGraph
from nie.errors import NieError
from nie.ops.edge_weight import weight_of
from nie.ops.excerpt import Excerpt

ROUNDING = 1e-3
"""By so much of the label scale may a score on the excerpt differ from that on the whole graph."""


class ScoredNode:
    """The score of one node by one network, on the node and its neighbours alone.

    The neighbours are computed anew with every change, and all other nodes pass on what they do in the whole graph. The
    score so is exact for networks of up to three layers; in deeper ones, what leaves the neighbourhood and comes back
    is not followed.

    Args:
        network: the network.
        node: the number of the node.
        triples: (E',) the fact of each edge of the message graph, -1 for a loop.

    Attributes:
        facts: (F,) the triples of the node.
        whole: (F,) the weights of the facts as they are: 1, or what the graph has as weights of their edges.
        features: by channel, the features (d,) of the node.
        neighbours: by channel, the features (n, d) of its neighbours.
        usual: by channel, the mean features (d,) of the training nodes.

    Raises:
        NieError: the network passes messages in a way that cannot be followed.
    """

    def __init__(self, network: TrainedNetwork, node: int, triples: Ints) -> None:
        given, (predicted, passed) = network.given, network.on_all
        if given.tuning is not None:
            raise NieError("A run with fine_tune passes messages on two graphs, and cannot be asked yet.")
        graph, self._network = given.message.graph, network
        ends = torch.cat([torch.tensor([node]), graph.in_edges(node)[0], graph.out_edges(node)[1]])
        nodes = torch.tensor(list(dict.fromkeys(ends.tolist())))
        self._excerpt = Excerpt(graph, given.message.etype, nodes, passed)
        of_edge = triples[self._excerpt.edges.numpy()]
        sources = graph.find_edges(self._excerpt.edges)[0].numpy()
        own = (of_edge >= 0) & ((sources == node) | (self._excerpt.targets.numpy() == 0))
        self.facts = np.unique(of_edge[own])
        # Edges of no fact of the node read the weight behind those of the facts, which is 1.
        self._fact = torch.from_numpy(np.where(own, np.searchsorted(self.facts, of_edge), len(self.facts)))
        device = given.train.device
        self._nodes = nodes
        self.whole = self._weights_in(graph).to(device)
        self.neighbours = {name: feat[nodes[1:].to(device)] for name, feat in given.predicting.items()}
        self.features = {name: feat[node] for name, feat in given.predicting.items()}
        self.usual = {name: feat[given.train].mean(0) for name, feat in given.predicting.items()}
        message = given.message
        self._given = replace(
            given,
            message=MessageGraph(
                self._excerpt.graph, self._excerpt.etype, message.num_relations, message.inverse_relations,
                message.self_loops,
            ),
            masks={name: mask[nodes.to(device)] for name, mask in given.masks.items()},
        )  # fmt: skip
        self.score = float(predicted[node])
        with torch.no_grad():
            found = float(self(self.whole))
        if abs(found - self.score) > ROUNDING * max(1.0, abs(self.score)):
            raise NieError(
                f"{given.config.method} passes messages by other means than the operations of nie.ops, so that its "
                "scores cannot be explained."
            )

    def _weights_in(self, graph: Any) -> Tensor:
        """(F,) the weights that a graph has for the edges of the facts."""
        weight, facts = weight_of(graph), torch.ones(len(self.facts) + 1)
        if weight is not None:
            facts[self._fact] = weight[self._excerpt.edges].float()
        return facts[:-1]

    def neighbours_with(self, node: int, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The features of the neighbours, of one of them with other features (d,) in some channels."""
        place, made = int((self._nodes == node).nonzero()) - 1, dict(self.neighbours)
        for name, row in features.items():
            made[name] = made[name].clone()
            made[name][place] = row
        return made

    def __call__(
        self, weight: Tensor, features: Mapping[str, Tensor] | None = None,
        neighbours: Mapping[str, Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        """The prediction on the label scale, differentiable.

        Args:
            weight: (F,) of the facts.
            features: by channel (d,), of the node; by default as they are.
            neighbours: by channel (n, d), of its neighbours; by default as they are.
        """
        own = self.features if features is None else features
        others = self.neighbours if neighbours is None else neighbours
        feats = {name: torch.cat([own[name][None], rows]) for name, rows in others.items()}
        by_edge = torch.cat([weight, weight.new_ones(1)])[self._fact.to(weight.device)]
        with self._excerpt.weighted(by_edge):
            outputs = self._given.outputs(self._network.model, feats)
        return self._network.predicted(outputs)[0]

    def attention(self) -> Floats:
        """(F,) the attention that the node pays to each of its facts: the mean over heads and attentions.

        Facts along which nothing comes to the node have 0.

        Raises:
            NieError: the network has no attention.
        """
        with torch.no_grad():
            self(self.whole)
        if not self._excerpt.attention:
            raise NieError(f"{self._given.config.method} has no attention; explain it by ig or leave-one-out.")
        by_edge = torch.stack([weights.mean(1) for weights in self._excerpt.attention]).mean(0).cpu()
        paid = torch.zeros(len(self.facts) + 1).index_add(0, self._fact, by_edge * (self._excerpt.targets == 0))
        return paid[:-1].double().numpy()
