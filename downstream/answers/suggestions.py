"""Which single facts would raise or lower the score of a node most, of those that similar nodes have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from downstream.answers.by_name import find_entity, shown_entity
from downstream.answers.changed_channels import AROUND, teller_of
from downstream.answers.changed_scores import types_before
from downstream.answers.frame import as_frame, as_html
from downstream.answers.score_scale import within_known
from downstream.answers.score_sum import folds_behind
from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained import TrainedRun
from downstream.answers.trained_network import TrainedNetwork
from nie.arguments import whole_number
from nie.arrays import Bools, Floats, Ints
from nie.data import FEATURES, Channel, KnowledgeGraph, MessageGraph, message_graph
from nie.data.graph_change import GraphChange, among, distinct
from nie.data.message_passing import triples_of
from nie.inputs.channels import ChannelFeatures, feature_names
from nie.inputs.tensors import input_tensor
from nie.ops.edge_weight import EDGE_WEIGHT
from nie.progress import track
from nie.settings.sections import GraphConfig
from pretrain.inputs import NodeInputs

MOST_CANDIDATES = 100
"""Facts that are tried, those first that most similar nodes have."""


@dataclass(frozen=True)
class Suggestion:
    """A fact that a node does not have.

    Attributes:
        head, relation, tail: the fact, by names.
        neighbour: the end that is not the node, as people read it.
        change: of the score with this fact alone, on the label scale; the mean over the networks that make the score.
        spread: the population standard deviation of what these predict; None where there is one alone, as of a node
            that a fold tested.
        similar: how many similar nodes have such a fact.
    """

    head: str
    relation: str
    tail: str
    neighbour: str
    change: float
    spread: float | None
    similar: int

    @property
    def change_text(self) -> str:
        """The change as a cell of a table."""
        return f"{self.change:+.3f}" + ("" if self.spread is None else f" ± {self.spread:.3f}")


@dataclass(frozen=True)
class Suggestions:
    """The facts that would change the score of a node most, the largest change first.

    Attributes:
        node, text: the node, by its name, and as people read it.
        type: of the node; nodes of the same type are similar.
        lower: whether the score was to fall.
        tried: how many facts were tried.
        facts: those of them that change the score most in the direction that was asked for.
        kept: the features that each fact leaves as they were, although they tell of what stands around a node.
    """

    node: str
    text: str
    type: str
    lower: bool
    tried: int
    facts: list[Suggestion]
    kept: list[str]

    def columns(self) -> dict[str, list[Any]]:
        """A row for each fact: ``head, relation, tail, neighbour, change, spread, similar``."""
        names = ("head", "relation", "tail", "neighbour", "change", "spread", "similar")
        return {name: [getattr(fact, name) for fact in self.facts] for name in names}

    def to_frame(self) -> Any:
        """The facts as a ``pandas.DataFrame``; a list of dicts without pandas."""
        return as_frame(self.columns())

    def _repr_html_(self) -> str:
        return as_html(f"What would {'lower' if self.lower else 'raise'} the score of {self.text}", self.columns())


class Candidate(NamedTuple):
    """A fact of a node by numbers, and how many similar nodes have one like it."""

    fact: tuple[int, int, int]
    similar: int


def suggest(trained: TrainedRun, node: str | int, count: int = 10, *, lower: bool = False) -> Suggestions:
    """Try the facts that similar nodes have and a node lacks, one by one.

    Similar are nodes of the same type (`nie.data.node_types.node_types`). A fact is tried on the node and its
    neighbours alone (`downstream.answers.scored_node.ScoredNode`), with degrees and relation profiles of both its ends
    as they are with it. This is exact for networks of up to two layers. In deeper ones, what a fact does to its other
    end is followed to the node's own neighbours and no further.

    Args:
        trained: the run.
        node: its name or text.
        count: facts to give at most.
        lower: the facts that would lower the score most, in the place of those that raise it.

    Raises:
        NieError: there is no such node, or the network cannot be asked.
    """
    kg, place, count = trained.kg, find_entity(trained.kg, node), whole_number("count", count, 1)
    types = types_before(trained)
    alike = np.array([name == types.name[place] for name in types.name])
    alike[place] = False
    candidates = candidates_for(kg, place, alike)
    tried = TriedFacts(trained, place, np.array([one.fact for one in candidates]).reshape(-1, 3))
    by_fold = {
        fold: np.stack([tried.changes(network) for network in trained.networks_of(fold)])
        for fold in folds_behind(trained, place)
    }
    changes = np.concatenate([*by_fold.values()])
    mean = np.mean([_of_score(trained, fold, place, rows.mean(axis=0)) for fold, rows in by_fold.items()], axis=0)
    spread = changes.std(axis=0).tolist() if len(changes) > 1 else [None] * len(mean)
    facts = []
    for (fact, similar), change, sd in zip(candidates, mean.tolist(), spread, strict=True):
        head, relation, tail = fact
        names = kg.node_names[head], kg.relation_names[relation], kg.node_names[tail]
        if (change < 0) if lower else (change > 0):
            other = shown_entity(kg, tail if head == place else head)
            facts.append(Suggestion(*names, other, change, sd, similar))
    facts.sort(key=lambda one: (-abs(one.change), one.head, one.relation, one.tail))
    name, text = kg.node_names[place], shown_entity(kg, place)
    features = [named for names in feature_names(kg, trained.config.features).values() for named in names.split("+")]
    kept = [one for one in dict.fromkeys(features) if one.partition("~")[0] in (*AROUND, "centrality")]
    return Suggestions(name, text, types.name[place], lower, len(candidates), facts[:count], kept)


def _of_score(trained: TrainedRun, fold: int, node: int, change: Floats) -> Floats:
    """(C,) changes of the score that are changes of what a fold predicts, which is drawn in to the known scores."""
    networks = trained.networks_of(fold)
    before = np.array([sum(float(network.on_all.told.prediction[node]) for network in networks) / len(networks)])
    labels = trained.kg.targets[trained.folds[fold].train]
    changed: Floats = within_known(before + change, labels) - within_known(before, labels)
    return changed


def candidates_for(kg: KnowledgeGraph, node: int, alike: Bools) -> list[Candidate]:
    """The facts that similar nodes have and a node lacks, those first that most of them have.

    Args:
        kg: the graph.
        node: the number of the node.
        alike: (N,) True for similar nodes.
    """
    triples, found = kg.triples, list[Candidate]()
    for own, other in ((0, 2), (2, 0)):
        theirs = distinct(triples[alike[triples[:, own]]])
        pairs, counts = np.unique(theirs[:, 1] * kg.num_nodes + theirs[:, other], return_counts=True)
        facts = np.full((len(pairs), 3), node)
        facts[:, 1], facts[:, other] = np.divmod(pairs, kg.num_nodes)
        lacks = ~among(facts, triples) & (facts[:, other] != node)
        order = np.argsort(-counts[lacks], kind="stable")[:MOST_CANDIDATES]
        for (head, relation, tail), similar in zip(
            facts[lacks][order].tolist(), counts[lacks][order].tolist(), strict=True
        ):
            found.append(Candidate((head, relation, tail), similar))
    return sorted(found, key=lambda one: (-one.similar, one.fact))[:MOST_CANDIDATES]


@dataclass(frozen=True, eq=False)
class TriedFacts:
    """Facts of a node that it does not have, to be tried one by one.

    Attributes:
        trained: the run.
        node: the number of the node.
        added: (C, 3) the facts, each of them between the node and another one.
    """

    trained: TrainedRun
    node: int
    added: Ints
    _of_ends: dict[tuple[int, str], Channel] = field(default_factory=dict, repr=False)
    _graphs: dict[GraphConfig, tuple[MessageGraph, Ints]] = field(default_factory=dict, repr=False)

    def changes(self, network: TrainedNetwork) -> Floats:
        """(C,) by how much each fact alone changes the prediction of a network for the node."""
        changes, tuning = np.zeros(len(self.added)), network.given.tuning
        if not len(self.added):
            return changes
        message, triples = self._graph(self.trained.inputs)
        encoded_on, of_encoders = (None, None) if tuning is None else self._graph(tuning.pretrained.inputs)
        given = replace(network.given, message=message, encoded_on=encoded_on)
        scored = ScoredNode(replace(network, given=given), self.node, triples, of_encoders)
        rows = self._inputs(network)
        with torch.no_grad():
            for place in track(range(len(self.added)), "facts"):
                own, theirs = ({name: feat[place, end] for name, feat in rows.items()} for end in range(2))
                weight = scored.whole.clone()
                weight[np.searchsorted(scored.facts, self.trained.kg.num_edges + place)] = 1
                others = scored.neighbours_with(int(self.neighbours[place]), theirs)
                changes[place] = float(scored(weight, {**scored.features, **own}, others)) - scored.score
        return changes

    def _graph(self, inputs: NodeInputs) -> tuple[MessageGraph, Ints]:
        """The message graph with all of the facts, each with the weight 0, as none of them is there yet.

        Behind it (E',) the fact that each of its edges stands for, the ``added`` ones behind those of the graph. All
        networks of the run share it.
        """
        if inputs.config.graph not in self._graphs:
            all_at_once = GraphChange(self.trained.kg, added=self.added).after
            message = message_graph(all_at_once, **inputs.config.graph.model_dump())
            triples = triples_of(message, all_at_once)
            there = triples < self.trained.kg.num_edges
            message.graph.edata[EDGE_WEIGHT] = torch.from_numpy(there.astype(np.float32))
            self._graphs[inputs.config.graph] = replace(message, etype=message.etype.to(inputs.device)), triples
        return self._graphs[inputs.config.graph]

    @cached_property
    def neighbours(self) -> Ints:
        """(C,) the end of each fact that is not the node."""
        return np.where(self.added[:, 0] == self.node, self.added[:, 2], self.added[:, 0])

    def _inputs(self, network: TrainedNetwork) -> dict[str, Tensor]:
        """By channel that depends on facts, the inputs (C, 2, d) of the node and the neighbour with each fact alone."""
        given, found, ends = network.given, dict[str, Tensor](), torch.from_numpy(self._ends.ravel())
        for channel, known in given.work.channels.items():
            read, depends = self._rows(known, self.trained.inputs, given.work.name_of)
            if given.tuning is not None and channel in given.tuning.channels:
                inputs = given.tuning.pretrained.inputs
                encoded, more = self._rows(given.tuning.encoded(channel), inputs, inputs.name_of)
                read, depends = given.tuning.encoded_first(channel, encoded, read), depends or more
            if depends:
                # Behind them are labels as input, which stay.
                labels = given.predicting[channel][ends.to(read.device), read.shape[1] :]
                found[channel] = torch.cat([read, labels], dim=1).reshape(*self._ends.shape, -1)
        return found

    @cached_property
    def _ends(self) -> Ints:
        """(C, 2) the node and the other end of each fact."""
        return np.stack([np.full(len(self.added), self.node), self.neighbours], axis=1)

    def _rows(
        self, known: ChannelFeatures, inputs: NodeInputs, name_of: Callable[[Channel], str | None]
    ) -> tuple[Tensor, bool]:  # fmt: skip
        """Features (2 C, d) of both ends with each fact alone, as networks read them; and whether any depends on it."""
        told, ends = [self._told(name_of(one), inputs) for one in known], self._ends.ravel()
        flat = tuple(
            replace(old, features=old.features[ends], mask=old.mask[ends]) if new is None else new
            for old, new in zip(known, told, strict=True)
        )
        return input_tensor(flat, inputs.config.features, known).to(inputs.device), any(one is not None for one in told)

    def _told(self, name: str | None, inputs: NodeInputs) -> Channel | None:
        """A feature of both ends (2 C, d) with each fact alone, where it depends on facts; None where it does not."""
        teller = teller_of(inputs)
        if name is None or (name in FEATURES and FEATURES[name].reads == "text") or not teller.can_tell(name):
            return None
        key = id(inputs), name
        if key not in self._of_ends:
            found = [teller.tell(name, part) for part in self._parts]
            features, mask = zip(*((one.features[:2], one.mask[:2]) for one in found if one is not None), strict=True)
            self._of_ends[key] = Channel(np.concatenate(features), np.concatenate(mask))
        return self._of_ends[key]

    @cached_property
    def _parts(self) -> list[KnowledgeGraph]:
        """For each fact alone the graph with it, as far as it says all of the node and the neighbour, its first two."""
        known = np.unique(np.append(self.neighbours, self.node))
        near, place = GraphChange(GraphChange(self.trained.kg).around(known)), np.searchsorted(known, self.node)
        parts = []
        for (head, relation, _), neighbour in zip(self.added.tolist(), self.neighbours.tolist(), strict=True):
            part = near.around(np.array([place, np.searchsorted(known, neighbour)]))
            fact = [0, relation, 1] if head == self.node else [1, relation, 0]
            parts.append(GraphChange(part, added=np.array([fact])).after)
        return parts
