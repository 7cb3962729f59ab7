"""A finished run asked about a changed graph: what its networks read there, and what they predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from downstream.answers.trained import TrainedRun
from downstream.answers.trained_network import TrainedNetwork
from downstream.methods.fold_network import FoldNetwork
from nie.arrays import Floats
from nie.data import Channel, MessageGraph, message_graph
from nie.data.graph_change import GraphChange
from nie.inputs.changed_features import ChangedFeatures, FeatureTeller
from nie.inputs.channels import ChannelFeatures
from nie.inputs.tensors import input_tensor, presence


@dataclass(frozen=True, eq=False)
class ChangedGraph:
    """A changed graph as the networks of a run read it.

    The message graph, and with it all degrees, is that of the changed graph; features are those of
    `nie.inputs.changed_features.ChangedFeatures`, on the scale of those that the networks were trained on. Labels that
    are an input are still those of the training nodes, and no others.

    Attributes:
        trained: the run.
        change: what changes in its graph.
        given: by feature, the rows of new nodes that are known, for features that cannot be computed.
    """

    trained: TrainedRun
    change: GraphChange
    given: Mapping[str, Channel] = field(default_factory=dict)
    _made: dict[int, Channel] = field(default_factory=dict, repr=False)
    _read: dict[tuple[int, ...], tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict, repr=False)

    @cached_property
    def message(self) -> MessageGraph:
        """The message graph, as `pretrain.inputs.NodeInputs` has that of the run's own graph."""
        if self.change.is_none:
            return self.trained.inputs.message
        message = message_graph(self.change.after, **self.trained.config.graph.model_dump())
        return replace(message, etype=message.etype.to(self.trained.inputs.device))

    def read_by(self, network: TrainedNetwork) -> FoldNetwork:
        """What a network reads on the changed graph.

        Raises:
            NieError: the network trains the encoders of stage 1 along, which pass messages on a graph of their own.
        """
        given = network.given
        network.check_one_graph()
        feats, masks = dict(given.feats), dict(given.masks)
        for name, known in given.work.channels.items():
            changed = tuple(self._feature(given.work.name_of(one), one) for one in known)
            if any(new is not one for new, one in zip(changed, known, strict=True)):
                feats[name], masks[name] = self._tensors(changed, known)
        return replace(given, message=self.message, feats=feats, masks=masks)

    def _tensors(self, changed: ChannelFeatures, known: ChannelFeatures) -> tuple[torch.Tensor, torch.Tensor]:
        """The input and the mask of a channel, which folds with the same features share."""
        key = tuple(map(id, known))
        if key not in self._read:
            device = self.trained.inputs.device
            made = input_tensor(changed, self.trained.config.features, known).to(device)
            self._read[key] = made, presence(changed).to(device)
        return self._read[key]

    def predictions(self) -> dict[int, Floats]:
        """By fold the predictions (M, N) of its networks for all nodes of the changed graph, on the label scale."""
        return {fold: values for fold, (values, _) in self.told.items()}

    def deviations(self) -> dict[int, Floats]:
        """By fold the standard deviations (N,) that its networks predict of the labels; only where these learn them."""
        return {fold: deviation for fold, (_, deviation) in self.told.items() if deviation is not None}

    @cached_property
    def told(self) -> dict[int, tuple[Floats, Floats | None]]:
        """By fold the predictions of its networks, and the standard deviation of a label by their mean variance."""
        found: dict[int, tuple[Floats, Floats | None]] = {}
        for fold in self.trained.run.finished_folds():
            networks = self.trained.networks_of(fold)
            given = self.read_by(networks[0])  # which all members of a fold read
            told = [one.on_all.told if self.change.is_none else one.told_of(given) for one in networks]
            deviations = [one.deviation for one in told if one.deviation is not None]
            deviation = np.sqrt(np.mean(np.square(deviations), axis=0)) if deviations else None
            found[fold] = torch.stack([one.prediction for one in told]).double().cpu().numpy(), deviation
        return found

    @cached_property
    def features(self) -> ChangedFeatures:
        """The features of the changed graph, and what of them could not be computed."""
        return ChangedFeatures(self.change, teller_of(self.trained), self.given)

    def _feature(self, name: str | None, known: Channel) -> Channel:
        if id(known) not in self._made:
            self._made[id(known)] = self.features.of(name, known)
        return self._made[id(known)]


def teller_of(trained: TrainedRun) -> FeatureTeller:
    """What tells features of changed nodes; what it fits is kept as long as the run is open."""
    inputs = trained.inputs
    return inputs.once("feature teller", lambda: FeatureTeller(inputs.kg, inputs.config.features, inputs.data_root))


def tell_one_node(trained: TrainedRun) -> None:
    """Compute every feature of one node, so that what tells them is there for the next one.

    Raises:
        NieError: a package is missing that a feature needs.
    """
    kg = trained.kg
    node = next((place for place, text in enumerate(kg.text) if text), 0)
    part = GraphChange(kg).around(np.array([node]))
    for names in trained.inputs.feature_names.values():
        for name in names:
            teller_of(trained).tell(name, part)
