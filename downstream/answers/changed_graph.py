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
from downstream.methods.network import deviation_of
from nie.arrays import Floats
from nie.data import Channel, MessageGraph, message_graph
from nie.data.graph_change import GraphChange
from nie.inputs.changed_features import ChangedFeatures, FeatureTeller
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

    @cached_property
    def message(self) -> MessageGraph:
        """The message graph, as `pretrain.inputs.NodeInputs` has that of the run's own graph."""
        if not (len(self.change.removed) or len(self.change.added) or self.change.nodes):
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
        config, device = self.trained.config.features, given.train.device
        changed = {
            name: tuple(self._feature(given.work.name_of(one), one) for one in known)
            for name, known in given.work.channels.items()
        }
        return replace(
            given,
            message=self.message,
            feats={
                name: input_tensor(own, config, given.work.channels[name]).to(device) for name, own in changed.items()
            },
            masks={name: presence(own).to(device) for name, own in changed.items()},
        )

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
            with torch.no_grad():
                outputs = [given.outputs(one.model, given.predicting) for one in networks]
                rows = [one.predicted(made) for one, made in zip(networks, outputs, strict=True)]
            deviations = [deviation for one in outputs if (deviation := deviation_of(one)) is not None]
            deviation = np.sqrt(np.mean(np.square(deviations), axis=0)) if deviations else None
            found[fold] = torch.stack(rows).double().cpu().numpy(), deviation
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
