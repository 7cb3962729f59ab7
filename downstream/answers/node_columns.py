"""The columns of one node in a table of features, on the graph without a fact of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from downstream.answers.changed_channels import AROUND, teller_of
from downstream.methods.fold_features import training_labels
from downstream.methods.fold_work import FoldWork
from nie.arrays import Floats32, Ints
from nie.data import Channel, KnowledgeGraph
from nie.data.graph_change import GraphChange
from nie.inputs.changed_features import ChangedFeatures
from nie.inputs.channels import ChannelFeatures
from nie.inputs.neighbours import neighbours
from nie.settings.sections import NEIGHBOUR_LABELS


class NodeColumns:
    """The row of a node, computed from the part of the graph that its row reads: its facts and its neighbours' facts.

    Own features, those of neighbours and the training labels around are computed anew. What tells of the whole graph
    (`kept`: node2vec, centrality, channels that came with the graph) stays, because it would take seconds a fact.

    Args:
        work: the fold.
        node: its number.

    Attributes:
        kept: filled by `without`: the features that stay.
    """

    def __init__(self, work: FoldWork, node: int) -> None:
        self.work, self.kept, kg = work, list[str](), work.inputs.kg
        own = np.concatenate([kg.dst[kg.src == node], kg.src[kg.dst == node]])
        known = np.append(node, np.setdiff1d(own, node))
        self.near, self.ids = _around(GraphChange(kg), known)

    @cached_property
    def row(self) -> Floats32:
        """(d,) the row on the graph as it is, by the same sums as those without a fact."""
        return self._row(GraphChange(self.near))

    def without(self, fact: Ints) -> Floats32:
        """(d,) the row without a fact (3,), head, relation and tail, of the node."""
        place = np.full(self.work.inputs.kg.num_nodes, -1)
        place[self.ids] = np.arange(len(self.ids))
        head, relation, tail = fact.tolist()
        return self._row(GraphChange(self.near, removed=np.array([[place[head], relation, place[tail]]])))

    def _row(self, change: GraphChange) -> Floats32:
        features = ChangedFeatures(change, teller_of(self.work.inputs), whole=False)
        parts = [
            one[0] for known in self.work.channels.values() for one in self._channel(known, features)
        ]  # fmt: skip
        if not change.is_none:
            self.kept = list(dict.fromkeys([*self.kept, *features.kept]))
        return np.concatenate(parts)

    def _channel(self, known: ChannelFeatures, features: ChangedFeatures) -> list[Floats32]:
        """The rows (1 or more, d) of each feature of a channel, of which the first is the node's."""
        names, after = [self.work.name_of(one) for one in known], features.change.after
        again = [name in AROUND and self.work.inputs.config.features.standardize for name in names]
        own = {
            place: features.of(name, Channel(one.features[self.ids], one.mask[self.ids]))
            for place, (name, one) in enumerate(zip(names, known, strict=True))
            if not again[place]
        }
        beside = tuple(one for place, one in own.items() if names[place] not in AROUND)
        return [
            own[place].features
            if place in own
            else self._labels(after)
            if name == NEIGHBOUR_LABELS
            else _neighbours_of_first(after, beside)
            for place, name in enumerate(names)
        ]

    def _labels(self, after: KnowledgeGraph) -> Floats32:
        work = self.work
        return training_labels(work.config, work.inputs, work.fold).of_nodes(self.ids).around(after).features


def _around(change: GraphChange, nodes: Ints) -> tuple[KnowledgeGraph, Ints]:
    """`GraphChange.around`, and the numbers that its nodes have in the changed graph."""
    kg = change.after
    is_known = np.zeros(kg.num_nodes, dtype=bool)
    is_known[nodes] = True
    edges = is_known[kg.src] | is_known[kg.dst]
    ends = np.unique(np.concatenate([kg.src[edges], kg.dst[edges]]))
    return change.around(nodes), np.concatenate([nodes, ends[~is_known[ends]]])


def _neighbours_of_first(kg: KnowledgeGraph, beside: ChannelFeatures) -> Floats32:
    """The feature ``neighbours`` of the first node of a graph, and of what stands around it."""
    part, ids = _around(GraphChange(kg), np.array([0]))
    return neighbours(part, tuple(Channel(one.features[ids], one.mask[ids]) for one in beside)).features
