"""The score of one node by one network, as a function of the node's facts and features.

A fact is a triple that the node is an end of. Where the message graph has inverse relations, a fact is two edges, which
go together. How much of a fact is there is its weight, from 0 for none to 1, see `nie.ops.edge_weight`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.answers.trained_network import TrainedNetwork
from nie.arrays import Floats, Ints
from nie.data import MessageGraph
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import ImportanceScores
from nie.models.rgtn import MultiChannelEncoder
from nie.ops.edge_weight import weight_of
from nie.ops.excerpt import OUT_DEGREE, Excerpt, Passed

ROUNDING = 1e-3
"""By so much of the scale that is learned may a score on the excerpt differ from that on the whole graph."""


class ScoredNode:
    """The score of one node by one network, on the node and what is around it alone.

    The nodes that a change can reach on its way back to the node are computed anew with every change, and all others
    pass on what they do in the whole graph, so that the score is exact. In networks of up to three layers these are the
    node's neighbours; deeper ones take more, and more time.

    Args:
        network: the network.
        node: the number of the node.
        triples: (E',) the fact of each edge of the message graph, -1 for a loop.
        of_encoders: the same of the graph of encoders that are trained along and have one of their own; by default that
            of stage 1.

    Attributes:
        facts: (F,) the triples of the node.
        whole: (F,) the weights of the facts as they are: 1, or what the graph has as weights of their edges.
        model: the network itself.
        features: by channel, the features (d,) of the node.
        neighbours: by channel, the features (n, d) of what is around it.
        usual: by channel, the mean features (d,) of the training nodes, none of which shows its label.

    Raises:
        NieError: the network passes messages in a way that cannot be followed.
    """

    def __init__(self, network: TrainedNetwork, node: int, triples: Ints, of_encoders: Ints | None = None) -> None:
        given, (told, passed) = network.given, network.on_all
        self._network, self.model = network, network.model
        calls = [call for of_graph in passed for call in of_graph]
        nodes = _around(given.message.graph, node, steps=_reach(network.model, calls))
        facts_of = [triples]
        if len(given.graphs) > 1 and given.tuning is not None:
            facts_of.append(given.tuning.pretrained.inputs.triples if of_encoders is None else of_encoders)
        self._parts = [_Part(*one, nodes) for one in zip(given.graphs, passed, facts_of, strict=True)]
        self.facts = self._parts[0].facts
        device = given.train.device
        self._nodes = nodes
        self.whole = self._parts[0].weights().to(device)
        self.neighbours = {name: feat[nodes[1:].to(device)] for name, feat in given.predicting.items()}
        self.features = {name: feat[node] for name, feat in given.predicting.items()}
        means = {name: feat[given.train].mean(0) for name, feat in given.feats.items()}
        self.usual = {name: F.pad(mean, (0, len(self.features[name]) - len(mean))) for name, mean in means.items()}
        self._given = replace(
            given,
            message=self._parts[0].message,
            encoded_on=None if given.encoded_on is None else self._parts[-1].message,
            masks={name: mask[nodes.to(device)] for name, mask in given.masks.items()},
        )  # fmt: skip
        self.score = float(told.prediction[node])
        # This run has derivatives, which tell what of the network later runs leave out; the next one checks that.
        self(self.whole.clone().requires_grad_())
        with torch.no_grad():
            found = network.learned(self.outputs(self.whole))[0]
        expected = float(given.work.scale.forward(told.prediction[node].double().cpu().numpy()))
        if abs(float(found) - expected) > ROUNDING * max(1.0, abs(expected)):
            raise NieError(
                f"{given.config.method} passes messages by other means than the operations of nie.ops, so that its "
                "scores cannot be explained."
            )

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
        return self._network.predicted(self.outputs(weight, features, neighbours))[0]

    def outputs(
        self, weight: Tensor, features: Mapping[str, Tensor] | None = None,
        neighbours: Mapping[str, Tensor] | None = None,
    ) -> ImportanceScores:  # fmt: skip
        """What the network gives for the node, the first, and for those around it; the arguments are those of a call.

        Of the latter it need not be what the whole graph gives.
        """
        own = self.features if features is None else features
        others = self.neighbours if neighbours is None else neighbours
        feats = {name: torch.cat([own[name][None], rows]) for name, rows in others.items()}
        with contextlib.ExitStack() as stack:
            for part in self._parts:
                # What encoders on a graph of their own give is read by the network, for all nodes around.
                stack.enter_context(part.weighted(weight, first_alone=part is self._parts[0]))
            return self._given.outputs(self.model, feats)

    def attention(self) -> dict[str, Floats]:
        """By attention of the network (F, H), what each of its heads pays to each fact.

        An attention is called by its channel and its layer. Facts along which nothing comes to the node have 0.

        Raises:
            NieError: the network has no attention.
        """
        with torch.no_grad():
            self(self.whole)
        paid = [one for part in self._parts for one in part.attentions()]
        if not paid:
            raise NieError(f"{self._given.config.method} has no attention; explain it by ig or leave-one-out.")
        names = attention_names(self.model, len(paid))
        return {name: one.double().numpy() for name, one in zip(names, paid, strict=True)}


class _Part:
    """The few nodes around the one that is asked about in a message graph, and the fact that each of their edges is of.

    Args:
        message: the whole message graph.
        passed: what its nodes pass along its edges.
        triples: (E',) the fact of each of its edges.
        nodes: the few, the one that is asked about first.

    Attributes:
        facts: (F,) the triples of the node.
        message: the message graph of the few.
    """

    def __init__(self, message: MessageGraph, passed: Sequence[Passed], triples: Ints, nodes: Tensor) -> None:
        self._excerpt, self._whole = Excerpt(message.graph, message.etype, nodes, passed), message.graph
        of_edge = triples[self._excerpt.edges.numpy()]
        sources = message.graph.find_edges(self._excerpt.edges)[0].numpy()
        own = (of_edge >= 0) & ((sources == int(nodes[0])) | (self._excerpt.targets.numpy() == 0))
        self.facts = np.unique(of_edge[own])
        # Edges of no fact of the node read the weight behind those of the facts, which is 1.
        self._fact = torch.from_numpy(np.where(own, np.searchsorted(self.facts, of_edge), len(self.facts)))
        self.message = replace(message, graph=self._excerpt.graph, etype=self._excerpt.etype)

    def weights(self) -> Tensor:
        """(F,) the weights that the whole graph has for the edges of the facts."""
        weight, facts = weight_of(self._whole), torch.ones(len(self.facts) + 1)
        if weight is not None:
            facts[self._fact] = weight[self._excerpt.edges].float()
        return facts[:-1]

    def weighted(self, weight: Tensor, *, first_alone: bool) -> AbstractContextManager[None]:
        """Run one call of the model inside, with weights (F,) of the facts."""
        by_edge = torch.cat([weight, weight.new_ones(1)])[self._fact.to(weight.device)]
        return self._excerpt.weighted(by_edge, first_alone=first_alone)

    def attentions(self) -> list[Tensor]:
        """By call of an attention in the last run (F, H), what the node pays to each fact with each head."""
        to_node = (self._excerpt.targets == 0)[:, None]
        return [
            torch.zeros(len(self.facts) + 1, weights.shape[1]).index_add(0, self._fact, weights.cpu() * to_node)[:-1]
            for weights in self._excerpt.attention
        ]


def attention_names(model: nn.Module, count: int) -> list[str]:
    """What the ``count`` attentions of a network are called, in the order of their calls."""
    bodies = [module for module in model.modules() if isinstance(module, MultiChannelEncoder)]
    names = [
        f"{channel}, layer {layer + 1}"
        for body in bodies
        for channel, kind, encoder in zip(body.channels, body.kinds, body.encoders, strict=True)
        for layer in range(int(encoder.num_hops) if kind.reads_graph else 0)  # type: ignore[arg-type]
    ]
    return names if len(names) == count else [f"layer {layer + 1}" for layer in range(count)]


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
