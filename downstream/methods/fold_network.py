"""A network of stage 2 and what it reads on one fold: to train it, and to load it again."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from downstream.heads.group_gate import with_group_gate
from downstream.heads.interval import with_variance
from downstream.heads.tiers import num_logits
from downstream.losses.table import TIER_LOSSES
from downstream.methods.fine_tuning import FineTuning
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.labels_as_input import ShownLabels
from downstream.methods.signals import SignalTable
from downstream.methods.teachers import Teachers
from downstream.methods.unseen_nodes import UnseenNodes
from nie.arrays import Floats, Ints
from nie.data import MessageGraph
from nie.data.node_groups import node_groups
from nie.errors import NieError
from nie.inputs.relations import RelationMaterial
from nie.layers.rows import Rows, held
from nie.models import ImportanceScores
from nie.runs.run import Run
from nie.runs.weights import read_weights
from nie.training.block_batches import NeighbourBatches
from nie.training.memory_plan import Plan, plan
from nie.training.neighbourhood import Neighbourhood


@dataclass(frozen=True, eq=False)
class FoldNetwork:
    """What a network reads on one fold, and the network that is built for it.

    Attributes:
        work: the fold, and what it is judged by.
        config: the network's settings.
        message: the message graph.
        feats: (N, d) by channel.
        masks: (N,) bool by channel, the nodes that have it.
        train: (n,) ids of the training nodes.
        labels: (n,) their labels on the scale that is learned, centred.
        centre: what was taken from the labels.
        known: (N,) bool, all but the validation and test nodes.
        tiers: (n,) of the training nodes, where the network learns them.
        relations: what the model's relation vectors are made from; None for a model that has its own.
        ends: sources and destinations of the graph's own edges.
        tuning: the pretrained encoders that are trained along; None where none is.
        encoded_on: the message graph that these read, which may be that of the network; None where there are none.
        signals: what is learned beside the label; None for a network that learns the label alone.
    """

    work: FoldWork
    config: NetworkConfig
    message: MessageGraph
    feats: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    train: Tensor
    labels: Tensor
    centre: float
    known: Tensor
    tiers: Tensor | None
    relations: RelationMaterial | None
    ends: tuple[Ints, Ints]
    tuning: FineTuning | None
    encoded_on: MessageGraph | None
    signals: SignalTable | None

    @classmethod
    def of(cls, work: FoldWork, *, by_rows: bool = False) -> FoldNetwork:
        """The tensors of a fold, from its features by channel.

        Args:
            work: the fold.
            by_rows: hold no features, and make the rows that are read.

        Raises:
            NieError: encoders are to be fine-tuned that are not there, or not for this fold; or a signal is unknown.
        """
        config, inputs, fold = work.network, work.inputs, work.fold
        targets, device = work.learned[fold.train], inputs.device
        centre = float(targets.mean()) if config.centre_labels else 0.0
        known = torch.ones(inputs.kg.num_nodes, dtype=torch.bool)
        known[torch.from_numpy(np.concatenate([fold.val, fold.test]))] = False
        made = inputs.rows if by_rows else inputs.tensor
        feats = {name: made(features) for name, features in work.channels.items()}
        tuning, relations = FineTuning.of(work), config.model.relation_vectors
        asked = config.model.several_signals
        return cls(
            work=work,
            config=config,
            message=inputs.message,
            feats=feats if tuning is None else tuning.feats(feats),
            masks={name: inputs.presence(features) for name, features in work.channels.items()},
            train=torch.from_numpy(fold.train).to(device),
            labels=torch.from_numpy((targets - centre).astype(np.float32)).to(device),
            centre=centre,
            known=known.to(device),
            tiers=torch.from_numpy(work.judge.tiers_of(fold.train)).to(device) if config.learns_tiers else None,
            relations=None if relations is None else inputs.relations(relations, feats),
            ends=(inputs.kg.src, inputs.kg.dst),
            tuning=tuning,
            encoded_on=None if tuning is None else tuning.pretrained.message,
            signals=None if asked is None else SignalTable.of(work, asked, centre),
        )

    def for_plan(self, planned: Plan) -> FoldNetwork:
        """The same, with features held where every step reads most of them: where it learns from all training nodes."""
        in_parts = planned.batch.size is not None and planned.batch.size < len(self.train)
        if in_parts or not any(isinstance(feat, Rows) for feat in self.feats.values()):
            return self
        return replace(self, feats={name: held(feat) for name, feat in self.feats.items()})

    @functools.cached_property
    def shown(self) -> ShownLabels | None:
        """The training labels as an input; None where they are not one."""
        share = self.config.shown_labels
        return ShownLabels(len(next(iter(self.feats.values()))), self.train, self.labels, share) if share else None

    @functools.cached_property
    def unseen(self) -> UnseenNodes | None:
        """Nodes that training feeds as new ones; None where there are none."""
        return UnseenNodes.of(self.work)

    @functools.cached_property
    def teachers(self) -> Teachers | None:
        """The runs that teach; None where there are none. Only training reads them.

        Raises:
            NieError: one cannot teach on this fold.
        """
        return Teachers.of(self.work, self.centre)

    @property
    def groups(self) -> Tensor | None:
        """(n,) the group of every training node that the loss looks at apart; None where there are no groups."""
        return None if self.groups_of_all is None else self.groups_of_all[self.train]

    @functools.cached_property
    def groups_of_all(self) -> Tensor | None:
        """(N,) the group of every node; None where there are no groups.

        Raises:
            NieError: the graph makes no such groups.
        """
        asked, inputs = self.config.loss.groups, self.work.inputs
        by = asked.by
        if by is None:
            return None

        def make() -> Ints:
            return node_groups(inputs.kg, by, asked.count, shuffled=asked.shuffled, seed=self.config.seed)

        groups = inputs.once(("groups", by, asked.count, asked.shuffled, self.config.seed), make)
        return torch.from_numpy(groups).to(self.train.device)

    @functools.cached_property
    def predicting(self) -> Mapping[str, Tensor]:
        """The features that a prediction reads, with all training labels where labels are an input."""
        return self.shown.everything(self.feats) if self.shown else self.feats

    @property
    def num_logits(self) -> int:
        """Outputs of the head for tiers."""
        return num_logits(ordinal=TIER_LOSSES[self.config.loss.tier_loss].ordinal, shares=self.config.tier_shares)

    def build(self) -> nn.Module:
        """A new network, with parameters of torch's random state; behind pretrained encoders where they are trained."""
        sizes = {name: feat.shape[1] for name, feat in self.predicting.items()}
        if self.tuning is not None:
            sizes = self.tuning.sizes_behind(sizes)
        settings = self.config.model.model_dump()
        if self.relations is not None:
            settings["relations"] = self.relations.vectors(settings["rel_size"])
        if self.config.model.sequences:
            settings["steps"] = {name: self._steps(name, sizes) for name in self.config.model.sequences}
        if self.signals is not None:
            settings |= {"signals": len(self.signals.names), "own_heads": self.signals.own_heads}
        if self.config.learns_tiers:
            settings["tier_outputs"] = self.num_logits
        build = self.work.method.build
        assert build is not None
        relations = max(self.message.num_relations, 1)  # none, where the graph has not a single fact
        model: nn.Module = build(channel_sizes=sizes, num_relations=relations, **settings)
        if self.config.loss.value == "gaussian":
            model = with_variance(model.to(self.train.device), sizes)
        if self.config.loss.groups.heads and self.groups_of_all is not None:
            model = with_group_gate(
                model.to(self.train.device), sizes, self.groups_of_all, self.config.loss.groups.heads
            )
        if self.tuning is not None:
            model = self.tuning.in_front_of(model)
        return model.to(self.train.device)

    def _steps(self, name: str, sizes: Mapping[str, int]) -> int:
        """The length of the longest sequence of a channel, which must be of one feature, and read as it is."""
        features = self.work.channels.get(name, ())
        if len(features) != 1 or features[0].steps is None or sizes[name] != features[0].features.shape[1]:
            reads = ", ".join(other for other, known in self.work.channels.items() if known[0].steps is not None)
            raise NieError(
                f"model.encoders reads the channel {name!r} as sequences, so it must be one feature of sequences, with "
                f"nothing beside it; the channels of sequences are {reads or 'none'}."
            )
        return features[0].steps

    def trained(self, run: Run, fold: int, *, member: int = 0, value: bool = False) -> nn.Module:
        """A trained network of a finished fold, in eval mode: by default that which gave its scores.

        Args:
            run: of one member.
            fold: its number.
            member: which of the networks that the run averages.
            value: load the state that is best for RMSE and MedianAE, where it was kept apart.

        Raises:
            NieError: the weights are missing or do not fit.
        """
        folder = folder_of_member(self.config, member)
        apart = f"{folder}model_value.safetensors"
        path = run.file(fold, apart if value and apart in run.files(fold) else f"{folder}model.safetensors")
        model = self.build()
        try:
            read_weights(path, model)
        except NieError as error:
            raise run.damaged(path, fold) from error
        return model.eval()

    def on_label_scale(self, score: Floats) -> Floats:
        """What scores (N,) of the network, less their ``centre``, predict on the scale that is judged."""
        return self.work.scale.back(score + self.centre)

    @property
    def graphs(self) -> tuple[MessageGraph, ...]:
        """The message graphs that are read: that of the network, and that of encoders where it is another one."""
        other = self.encoded_on
        return (self.message,) if other is None or other.graph is self.message.graph else (self.message, other)

    @property
    def given_masks(self) -> Mapping[str, Tensor] | None:
        """The masks that the network is called with; None for one that takes none."""
        return self.masks if self.work.method.takes_masks else None

    def outputs(
        self, model: nn.Module, feats: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None = None
    ) -> ImportanceScores:
        """What the network gives for all nodes, on centred labels.

        Args:
            model: of `build`.
            feats: as `predicting` or `ShownLabels.draw` gives them.
            masks: used instead of `given_masks`.
        """
        masks = self.given_masks if masks is None else masks
        extra: dict[str, Any] = {} if masks is None else {"masks": masks}
        if self.encoded_on is not None:
            extra["encoded_on"] = self.encoded_on.graph, self.encoded_on.etype
        return self.work.inputs.outputs(model, self.message, feats, **extra)

    def batches(self, model: nn.Module, planned: Plan) -> NeighbourBatches | None:
        """The batches that the network trains on, or None for the whole graph."""
        batch = planned.batch
        if batch.size is None:
            return None
        hops: Any = model.num_hops
        return self.work.inputs.batches(self.train.cpu(), batch, hops)

    def plan(self, model: nn.Module, label: str) -> Plan:
        """How the network trains and predicts within the memory that the settings allow.

        Args:
            model: of `build`.
            label: what is trained, for the progress line.
        """
        feats, masks = self.predicting, self.given_masks

        def run(found: Neighbourhood) -> ImportanceScores:
            return found.outputs(model, feats, masks)

        return plan(self.config.memory, self.config.batch, self.message, feats, model, self.train.cpu(), run, label)


def folder_of_member(config: NetworkConfig, member: int) -> str:
    """Where in a fold's folder a network is kept: in the folder itself, or where several are averaged in one apiece."""
    return f"member{member}/" if config.members > 1 else ""
