"""A finished run asked about a changed graph: what its networks read there, and what they predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from downstream.answers.changed_channels import ChangedChannels, teller_of
from downstream.answers.trained import TrainedRun
from downstream.answers.trained_network import TrainedNetwork
from downstream.methods.fine_tuning import FineTuning
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from nie.arrays import Floats
from nie.data import Channel, MessageGraph, message_graph
from nie.data.graph_change import GraphChange
from nie.inputs.channels import ChannelFeatures
from nie.inputs.tensors import input_tensor, presence
from nie.settings.sections import GraphConfig
from pretrain.inputs import NodeInputs


@dataclass(frozen=True, eq=False)
class ChangedGraph:
    """A changed graph as the networks of a run read it.

    The message graph, and with it all degrees, is that of the changed graph; features are those of
    `downstream.answers.changed_channels.ChangedChannels`, on the scale of those that networks were trained on. Labels
    that are an input are still those of the training nodes, and no others.

    Attributes:
        trained: the run.
        change: what changes in its graph.
        given: by feature, the rows of new nodes that are known, for features that cannot be computed.
    """

    trained: TrainedRun
    change: GraphChange
    given: Mapping[str, Channel] = field(default_factory=dict)
    _read_from: dict[int, ChangedChannels] = field(default_factory=dict, repr=False)
    _messages: dict[GraphConfig, MessageGraph] = field(default_factory=dict, repr=False)
    _read: dict[tuple[int, ...], tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def message(self, inputs: NodeInputs) -> MessageGraph:
        """The message graph as `pretrain.inputs.NodeInputs` has that of the graph before the change.

        Args:
            inputs: of the run, or of the encoders of stage 1 that it trains along.
        """
        if self.change.is_none:
            return inputs.message
        if inputs.config.graph not in self._messages:
            message = message_graph(self.change.after, **inputs.config.graph.model_dump())
            self._messages[inputs.config.graph] = replace(message, etype=message.etype.to(inputs.device))
        return self._messages[inputs.config.graph]

    def read_by(self, network: TrainedNetwork) -> FoldNetwork:
        """What a network reads on the changed graph."""
        given, inputs = network.given, self.trained.inputs
        feats, masks, tuning = dict(given.feats), dict(given.masks), given.tuning
        for name, known in given.work.channels.items():
            if tuning is not None and name in tuning.channels:
                feats[name], masks[name] = self._encoded(given.work, tuning, name)
                continue
            changed = self._channels(inputs).of(known, given.work.name_of, given.work)
            if any(new is not one for new, one in zip(changed, known, strict=True)):
                feats[name], masks[name] = self._tensors(changed, known, inputs)
        encoded_on = None if tuning is None else self.message(tuning.pretrained.inputs)
        return replace(given, message=self.message(inputs), feats=feats, masks=masks, encoded_on=encoded_on)

    def _encoded(self, work: FoldWork, tuning: FineTuning, name: str) -> tuple[Tensor, Tensor]:
        """The input and the mask of a channel whose embedding, its first feature, the encoder computes anew."""
        inputs, known = self.trained.inputs, work.channels[name]
        encoder = tuning.pretrained.inputs
        encoded = self._channels(encoder).of(tuning.encoded(name), encoder.name_of)
        feats, mask = self._tensors(encoded, tuning.encoded(name), encoder)
        unread = Channel(np.zeros((len(mask), known[0].features.shape[1]), np.float32), mask.cpu().numpy())
        others = unread, *self._channels(inputs).of(known[1:], work.name_of, work)
        fixed, any_of_these = self._tensors(others, known, inputs)
        return tuning.encoded_first(name, feats, fixed), any_of_these

    def _tensors(
        self, changed: ChannelFeatures, known: ChannelFeatures, inputs: NodeInputs
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The input and the mask of a channel, which folds with the same features share."""
        key = tuple(map(id, known))
        if key not in self._read:
            made = input_tensor(changed, inputs.config.features, known).to(inputs.device)
            self._read[key] = made, presence(changed).to(inputs.device)
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

    @property
    def stand_ins(self) -> list[dict[str, str]]:
        """For each new node by feature, in words, what stands for what could not be computed of what was read."""
        found: list[dict[str, str]] = [{} for _ in self.change.nodes]
        for channels in self._read_from.values():
            for told, stand_ins in zip(found, channels.features.stand_ins, strict=True):
                told.update(stand_ins)
        return found

    @property
    def kept(self) -> list[str]:
        """The features read so far that stay as they were, whatever changes, and groups whose heads a gate mixes."""
        groups = self.trained.config.loss.groups
        features = dict.fromkeys(name for one in self._read_from.values() for name in one.features.kept)
        return [*features, *([f"the grouping by {groups.by}"] if groups.heads else [])]

    def _channels(self, inputs: NodeInputs) -> ChangedChannels:
        if id(inputs) not in self._read_from:
            self._read_from[id(inputs)] = ChangedChannels(self.change, inputs, self.given)
        return self._read_from[id(inputs)]


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
            teller_of(trained.inputs).tell(name, part)
