"""The features of a changed graph by channel, as a method reads them that was fitted on the graph before the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from downstream.methods.fold_features import training_labels
from downstream.methods.fold_work import FoldWork
from nie.data import Channel
from nie.data.graph_change import GraphChange
from nie.inputs.changed_features import ChangedFeatures, FeatureTeller
from nie.inputs.channels import ChannelFeatures
from nie.inputs.neighbours import neighbours
from nie.settings.sections import NEIGHBOUR_LABELS, NEIGHBOURS
from pretrain.inputs import NodeInputs

AROUND = (NEIGHBOURS, NEIGHBOUR_LABELS)
"""Features of what stands around a node, which are computed anew for all nodes."""


@dataclass(frozen=True, eq=False)
class ChangedChannels:
    """The features of all nodes of a changed graph.

    They are those of `nie.inputs.changed_features.ChangedFeatures`. ``neighbours`` and ``neighbour-labels`` are
    computed anew from the features beside them and from the training labels of the fold, and new nodes have them, too.
    Only controls of these, or where ``features.standardize`` is off, they stay as they were.

    Attributes:
        change: what changes.
        inputs: whose features they are.
        given: by feature, the rows of new nodes that are known all the same.
    """

    change: GraphChange
    inputs: NodeInputs
    given: Mapping[str, Channel] = field(default_factory=dict)
    _made: dict[int, Channel] = field(default_factory=dict, repr=False)

    @cached_property
    def features(self) -> ChangedFeatures:
        """Those features that a node's own facts and text tell, and what stands for those that cannot be told."""
        return ChangedFeatures(self.change, teller_of(self.inputs), self.given)

    def of(
        self, known: ChannelFeatures, name_of: Callable[[Channel], str | None], work: FoldWork | None = None
    ) -> ChannelFeatures:
        """Features of the graph before the change, as they are on the changed graph; the same where nothing changes.

        Args:
            known: those of a channel.
            name_of: what settings call one of them.
            work: the fold, whose training labels may be among them.
        """
        names = [name_of(one) for one in known]
        again = [name in AROUND and self._can_be_computed for name in names]
        for name, one, later in zip(names, known, again, strict=True):
            if not later and id(one) not in self._made:
                self._made[id(one)] = self.features.of(name, one)
        beside = tuple(self._made[id(one)] for one, name in zip(known, names, strict=True) if name not in AROUND)
        for name, one in zip(names, known, strict=True):
            if id(one) not in self._made:
                self._made[id(one)] = self._labels(work) if name == NEIGHBOUR_LABELS else self._neighbours(beside)
        return tuple(self._made[id(one)] for one in known)

    @property
    def _can_be_computed(self) -> bool:
        return not self.change.is_none and self.inputs.config.features.standardize

    def _neighbours(self, beside: ChannelFeatures) -> Channel:
        return neighbours(self.change.after, beside)

    def _labels(self, work: FoldWork | None) -> Channel:
        assert work is not None, "training labels are among the features of folds alone"
        nodes = np.arange(self.change.before.num_nodes)
        numbers = np.concatenate([nodes, np.full(len(self.change.nodes), -1)])
        return training_labels(work.config, work.inputs, work.fold).of_nodes(numbers).around(self.change.after)


def teller_of(inputs: NodeInputs) -> FeatureTeller:
    """What tells features of changed nodes; what it fits is kept as long as the run is open."""
    return inputs.once("feature teller", lambda: FeatureTeller(inputs.kg, inputs.config.features, inputs.data_root))
