"""Features of the nodes of a changed graph, as a network reads them that was trained on the graph before the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from nie.arrays import Ints
from nie.data import Channel, KnowledgeGraph, features
from nie.data.graph_change import GraphChange
from nie.data.node_features.cache import FEATURES, computed_anew, feature_of_others
from nie.errors import NieError
from nie.inputs.channels import settings_of, without_units
from nie.inputs.neighbour_means import neighbour_means
from nie.settings.sections import FeaturesConfig

EMBEDDING = "structural"
"""A channel of this name that a graph carries is taken for an embedding of its structure, as node2vec is."""
PRETRAINED = "pretrained"
"""What an embedding of stage 1 is called among the features."""


def is_learned(kg: KnowledgeGraph, name: str) -> bool:
    """Whether a feature is an embedding of the whole graph, which new nodes do not have.

    A registered feature of structure is taken for one, because nothing tells that each node has it to itself.

    >>> from nie.data import synthetic
    >>> [is_learned(synthetic(0), name) for name in ("node2vec", "structural", "degrees", "centrality", "tfidf")]
    [True, True, False, False, False]
    """
    if name in kg.channels:
        return name == EMBEDDING
    feature = FEATURES.get(name)
    return feature is not None and feature.reads == "structure" and feature.of_others is None and not feature.anew


@dataclass(frozen=True, eq=False)
class FeatureTeller:
    """What tells the features of changed nodes.

    Attributes:
        kg: the graph before any change.
        config: how its features were made.
        data_root: folder of the datasets.
    """

    kg: KnowledgeGraph
    config: FeaturesConfig
    data_root: str | Path
    _made: dict[str, Callable[[KnowledgeGraph], Channel] | None] = field(default_factory=dict)

    def tell(self, name: str, part: KnowledgeGraph) -> Channel | None:
        """The feature of the nodes of ``part``, from their texts or facts there; None for one that cannot be computed.

        Args:
            name: of the feature.
            part: a graph with the same relations, such as `nie.data.graph_change.GraphChange.around` gives.
        """
        tell = self._telling(name)
        return None if tell is None else self.without_units(name, tell(part))

    def can_tell(self, name: str) -> bool:
        """Whether a feature can be computed for the nodes of another graph."""
        return self._telling(name) is not None

    def tell_anew(self, name: str, changed: KnowledgeGraph) -> Channel | None:
        """The feature of all nodes of a changed graph, where it is one of the whole graph that is soon computed."""
        if name in self.kg.channels:
            return None
        settings = settings_of(name, self.config)
        made = computed_anew(changed, name, self.kg.num_nodes, seed=self.config.seed, **settings)
        return None if made is None else self.without_units(name, made)

    def _telling(self, name: str) -> Callable[[KnowledgeGraph], Channel] | None:
        if name not in self._made:
            self._made[name] = feature_of_others(self.kg, name, seed=self.config.seed, **settings_of(name, self.config))
        return self._made[name]

    def without_units(self, name: str, channel: Channel) -> Channel:
        """A raw feature as `nie.inputs.channels.named_features` gives those of the graph."""
        if self.config.standardize:
            return channel
        settings = settings_of(name, self.config)
        return without_units(channel, features(self.kg, name, root=self.data_root, seed=self.config.seed, **settings))


@dataclass(frozen=True, eq=False)
class ChangedFeatures:
    """The features of all nodes of a changed graph.

    What depends on a node's facts or text is computed anew for the nodes whose facts or text change, and centrality for
    all. What is trained on a whole graph, such as node2vec or a pretrained embedding, stays as it was, and a new node
    gets the mean of its neighbours' vectors. Any other feature that came with the graph stays as it was, and new nodes
    have none.

    Attributes:
        change: what changes.
        teller: of the graph before the change.
        given: by feature, the rows of the new nodes that are known all the same (n, d).
        whole: whether ``change.before`` is the whole graph, without which centrality cannot be computed, and stays.
        stand_ins: filled by `of`: for each new node by feature, in words, what stands for what could not be computed.
        kept: filled by `of`: the features that stay as they were, whatever changes.
    """

    change: GraphChange
    teller: FeatureTeller
    given: Mapping[str, Channel] = field(default_factory=dict)
    whole: bool = True
    stand_ins: list[dict[str, str]] = field(init=False)
    kept: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stand_ins", [{} for _ in self.change.nodes])

    def of(self, name: str | None, ready: Channel) -> Channel:
        """One feature of the (N + n) nodes; ``ready`` itself where nothing of it changes.

        Args:
            name: of the feature, as settings name it; None for a pretrained embedding.
            ready: of the N nodes of the graph before the change, as networks are given it.

        Raises:
            NieError: the rows that are given have another number of columns.
        """
        count, kg = len(self.change.nodes), self.change.before
        if name is not None and self.whole and not self.change.is_none:
            anew = self.teller.tell_anew(name, self.change.after)
            if anew is not None:
                return anew
        of_text = name in FEATURES and name not in kg.channels and FEATURES[name].reads == "text"
        called = name or PRETRAINED
        if not count and (self.change.is_none or name is None or of_text or not self.teller.can_tell(name)):
            if not (of_text or called in self.kept):
                self.kept.append(called)
            return ready
        rows = np.concatenate([ready.features, np.zeros((count, ready.features.shape[1]), np.float32)])
        mask = np.append(ready.mask, np.zeros(count, dtype=bool))
        nodes = self._with_new_text if of_text else np.concatenate([self.change.named, self.change.new])
        told = None if name is None or not len(nodes) else self.teller.tell(name, self.change.around(nodes))
        if told is not None:
            rows[nodes], mask[nodes] = told.features[: len(nodes)], told.mask[: len(nodes)]
        elif not of_text and called not in self.kept:
            self.kept.append(called)
        if count and (name is None or is_learned(kg, name)):
            means, new = neighbour_means(self._facts_of_new, Channel(rows, mask)), self.change.new
            rows[new], mask[new] = means.channel.features[new], means.channel.mask[new]
            for node, known in zip(new.tolist(), means.known[new].tolist(), strict=True):
                self._say(node, called, f"the mean of {known} neighbour{'s' * (known != 1)}")
        for node in self.change.new[~mask[self.change.new]].tolist():
            self._say(node, called, "no text" if of_text and not self.change.after.text[node] else "none")
        self._take_given(called, rows, mask)
        return replace(ready, features=rows, mask=mask)

    @cached_property
    def _facts_of_new(self) -> KnowledgeGraph:
        """The changed graph with the facts of new nodes alone."""
        kg, count = self.change.after, self.change.before.num_nodes
        own = (kg.src >= count) | (kg.dst >= count)
        return replace(kg, src=kg.src[own], dst=kg.dst[own], etype=kg.etype[own], edge_dates=None)

    @property
    def _with_new_text(self) -> Ints:
        texts = [node.text for node in self.change.nodes]
        return self.change.new[[text is not None and bool(text.strip()) for text in texts]]

    def _say(self, node: int, name: str, words: str) -> None:
        self.stand_ins[node - self.change.before.num_nodes][name] = words

    def _take_given(self, name: str, rows: np.ndarray, mask: np.ndarray) -> None:
        given = self.given.get(name)
        if given is None:
            return
        if given.features.shape[1] != rows.shape[1]:
            raise NieError(
                f"The feature {name} of new nodes must have {rows.shape[1]} columns, as in training; got "
                f"{given.features.shape[1]}."
            )
        own, new = self.teller.without_units(name, given), self.change.new[given.mask]
        rows[new], mask[new] = own.features[given.mask], True
        for node in new.tolist():
            self.stand_ins[node - self.change.before.num_nodes].pop(name, None)
