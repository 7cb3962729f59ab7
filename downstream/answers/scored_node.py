"""The score of one node by one network, as a function of the node's facts and features.

A fact is a triple that the node is an end of. Where the message graph has inverse relations, a fact is two edges, which
go together. How much of a fact is there is its weight, from 0 for none to 1, see `nie.ops.edge_weight`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.answers.trained_network import TrainedNetwork
from nie.arrays import Floats, Ints
from nie.data import MessageGraph
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.edge_weight import weight_of
from nie.ops.excerpt import OUT_DEGREE, Excerpt, Passed

ROUNDING = 1e-3
"""By so much of the label scale may a score on the excerpt differ from that on the whole graph."""


class ScoredNode:
    """The score of one node by one network, on the node and what is around it alone.

    The nodes that a change can reach on its way back to the node are computed anew with every change, and all others
    pass on what they do in the whole graph, so that the score is exact. In networks of up to three layers these are the
    node's neighbours; deeper ones take more, and more time.

    Args:
        network: the network.
        node: the number of the node.
        triples: (E',) the fact of each edge of the message graph, -1 for a loop.

    Attributes:
        facts: (F,) the triples of the node.
        whole: (F,) the weights of the facts as they are: 1, or what the graph has as weights of their edges.
        features: by channel, the features (d,) of the node.
        neighbours: by channel, the features (n, d) of what is around it.
        usual: by channel, the mean features (d,) of the training nodes, none of which shows its label.

    Raises:
        NieError: the network passes messages in a way that cannot be followed.
    """

    def __init__(self, network: TrainedNetwork, node: int, triples: Ints) -> None:
        given, (told, passed) = network.given, network.on_all
        network.check_one_graph()
        graph, self._network = given.message.graph, network
        nodes = _around(graph, node, steps=_reach(network.model, passed))
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
        means = {name: feat[given.train].mean(0) for name, feat in given.feats.items()}
        self.usual = {name: F.pad(mean, (0, len(self.features[name]) - len(mean))) for name, mean in means.items()}
        message = given.message
        self._given = replace(
            given,
            message=MessageGraph(
                self._excerpt.graph, self._excerpt.etype, message.num_relations, message.inverse_relations,
                message.self_loops,
            ),
            masks={name: mask[nodes.to(device)] for name, mask in given.masks.items()},
        )  # fmt: skip
        self.score = float(told.prediction[node])
        # This run has derivatives, which tell what of the network later runs leave out; the next one checks that.
        self(self.whole.clone().requires_grad_())
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
        with self._excerpt.weighted(by_edge, first_alone=True):
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


def _reach(model: nn.Module, passed: Sequence[Passed]) -> int:
    """How many steps away a change at a node can get and be back in time, one step with each of the model's layers.

    A neighbour changes in the first layer already, and so does whatever it passes on where out-degrees are read.
    """
    layers: int = getattr(model, "num_hops", len(passed))
    return max(1, (layers + any(call.name == OUT_DEGREE for call in passed)) // 2)


def _around(graph: dgl.DGLGraph, node: int, *, steps: int) -> Tensor:
    """The nodes that are at most so many steps away, in either direction, the node itself first."""
    nodes = torch.tensor([node])
    for _ in range(steps):
        ends = torch.cat([graph.in_edges(nodes)[0], graph.out_edges(nodes)[1]])
        further = np.setdiff1d(ends.numpy(), nodes.numpy())
        nodes = torch.cat([nodes, torch.from_numpy(further)])
    return nodes
