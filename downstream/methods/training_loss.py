"""The loss of one training step: importance, tiers, teachers, LICAP's contrast, channels that agree, variational."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from downstream.losses.alignment import neighbourhood_targets
from downstream.losses.by_group import weighed_by_group, within_groups
from downstream.losses.gaussian import gaussian_loss
from downstream.losses.importance import importance_loss
from downstream.losses.lists import few_lists, lists_for, pass_lists
from downstream.losses.table import (
    ALIGNMENTS,
    IMPORTANCE_LOSSES,
    LISTWISE_LOSSES,
    TIER_LOSSES,
    tier_loss,
)  # fmt: skip
from downstream.losses.tiers import balanced_weights
from downstream.losses.tried import try_alignment, try_tier_loss
from downstream.losses.variational import variational_loss
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.hidden_contrast import HiddenContrast
from downstream.methods.loss_settings import ChannelLossConfig
from nie.data.adjacency import adjacency, both_ways
from nie.models import ChannelStates, ImportanceScores
from nie.training.loss_terms import channels_named, term

ALIGNED_NODES = 1024
"""Nodes that are contrasted with each other in a step; all pairs of a whole graph would not fit."""


def check_losses(given: FoldNetwork) -> None:
    """Try the losses that have settings of their own.

    Raises:
        NieError: one cannot be computed with them.
    """
    loss, beside = given.config.loss, given.config.loss.of_channels
    if loss.tier_settings:
        try_tier_loss(loss.tier_loss, given.num_logits, loss.tier_settings)
    if beside is not None and beside.alignment_settings:
        function = ALIGNMENTS[beside.alignment].function
        try_alignment("alignment_settings", function, beside.alignment_settings)


class TrainingLoss:
    """``i importance_loss + t tier_loss + teachers + c contrast + a alignment + v variational_loss``.

    The weights are those of the settings' ``loss``.

    Args:
        given: what the network reads; its settings say what is learned.
        generator: draws lists and the nodes that are aligned.

    Attributes:
        done: share of the epochs that are over.
    """

    def __init__(self, given: FoldNetwork, generator: torch.Generator) -> None:
        self.given, self.generator = given, generator
        self.alpha, self.linked, self.done = None, None, 0.0
        loss = given.config.loss
        self.contrast = HiddenContrast.of(given.work) if loss.contrast_weight else None
        if given.tiers is not None and TIER_LOSSES[loss.tier_loss].balanced:
            self.alpha = balanced_weights(given.tiers, given.num_logits)
        beside = loss.of_channels
        if beside is not None and beside.alignment_weight and ALIGNMENTS[beside.alignment].needs_links:
            self.linked = adjacency(*both_ways(*given.ends), len(given.known))

    def __call__(
        self, outputs: ImportanceScores, feats: Mapping[str, Tensor], rows: Tensor, nodes: Tensor | None = None
    ) -> Tensor:
        """The loss of one step.

        Args:
            outputs: of ``nodes``.
            feats: their features by channel.
            rows: (n,) positions among the training nodes of those that the step learns from.
            nodes: ids of a batch, row by row those of ``rows``; None for the whole graph.

        Returns:
            () tensor.
        """
        given, loss = self.given, self.given.config.loss
        at = given.train[rows] if nodes is None else torch.arange(len(rows), device=rows.device)
        value_error: Callable[[Tensor, Tensor], Tensor] | None = None
        if outputs.signals is not None and given.signals is not None:
            likelihood = given.signals.loss(outputs.signals, nodes)  # of all nodes where a signal is seen
            value_error = lambda score, labels: likelihood  # noqa: E731
        elif outputs.log_variance is not None:
            value_error = functools.partial(_gaussian, log_variance=outputs.log_variance[at], beta=loss.beta)
        weights = loss.model_dump(include={"listwise_weight", "channel_weight"})
        listwise, labels, error = LISTWISE_LOSSES[loss.listwise], self._labels(rows), IMPORTANCE_LOSSES[loss.importance]
        group = None if given.groups is None else given.groups[rows]
        if group is not None:
            error = weighed_by_group(error, group, loss.groups.weight)
        lists = self._lists(outputs.score[at], labels, listwise.by_pairs)
        total = importance_loss(
            outputs.score[at], outputs.by_channel[at], labels, lists,
            error=error, listwise=listwise.function, value_error=value_error, **weights,
        )  # fmt: skip
        if group is not None and loss.groups.local_list:
            local = within_groups(listwise, outputs.score[at], labels, group, loss.list_size, self.generator)
            total = total + loss.listwise_weight * term("order in groups", local)
        total = loss.importance_weight * total
        if outputs.tier_logits is not None and given.tiers is not None:
            total = total + loss.tier_weight * term("tiers", self._tiers(outputs.tier_logits[at], given.tiers[rows]))
        if given.teachers is not None:
            total = total + given.teachers.loss(outputs.score, nodes, loss.list_size, self.generator)
            if given.teachers.layers:
                assert outputs.hidden is not None, "a network without hidden vectors is refused before it is trained"
                total = total + given.teachers.alignment(outputs.hidden, nodes)
        if self.contrast is not None:
            assert outputs.hidden is not None, "a network without hidden vectors is refused before it is trained"
            contrast = self.contrast(outputs.hidden[at], given.train[rows])
            total = total + loss.contrast_weight * term("contrast", contrast)
        beside = loss.of_channels
        if outputs.states is not None and beside is not None:
            if outputs.states.projected is not None:
                with channels_named(outputs.states.encodings):
                    aligned = term("alignment", self._alignment(outputs.states, nodes, beside))
                total = total + beside.alignment_weight * aligned
            if beside.variational_weight:
                known = given.known if nodes is None else torch.ones_like(at, dtype=torch.bool)
                total = total + beside.variational_weight * term(
                    "variational", _variational(outputs.states, feats, known, beside.variational_settings)
                )
        return total

    def begin(self, epochs: int) -> None:
        """Begin the epoch after so many."""
        self.done = epochs / self.given.config.optim.max_epochs

    def _labels(self, rows: Tensor) -> Tensor:
        labels, noise = self.given.labels[rows], self.given.config.loss.label_noise
        if not noise:
            return labels
        return labels + noise * torch.randn(labels.shape, generator=self.generator).to(labels)

    def _lists(self, score: Tensor, labels: Tensor, by_pairs: bool) -> Tensor | None:
        loss = self.given.config.loss
        if not loss.listwise_weight:
            pass_lists(len(labels), loss.list_size, self.generator)
            return None
        lists = lists_for(loss.list_sampling, score, labels, loss.list_size, self.done, self.generator)
        if by_pairs:
            lists = few_lists(lists, len(labels), self.generator)
        return lists.to(self.given.labels.device)

    def _tiers(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = self.given.config.loss
        return tier_loss(
            loss.tier_loss, logits, target, None if self.alpha is None else self.alpha.to(logits), **loss.tier_settings
        )

    def _alignment(self, states: ChannelStates, nodes: Tensor | None, loss: ChannelLossConfig) -> Tensor:
        """The alignment of some of the nodes whose labels are known or absent, although it reads no label.

        Validation and test nodes take no part, because `downstream.metrics.channels` later asks whether they are found.
        """
        assert states.projected is not None
        candidates = self.given.known.nonzero()[:, 0] if nodes is None else torch.arange(len(nodes))
        order = torch.randperm(len(candidates), generator=self.generator)[:ALIGNED_NODES]
        drawn = candidates.to(states.mask.device)[order.to(states.mask.device)]
        projected, mask = states.projected[drawn], states.mask[drawn]
        further: dict[str, Any] = dict(loss.alignment_settings)
        if self.linked is not None:
            ids = (drawn if nodes is None else nodes[drawn]).cpu().numpy()
            further["soft_targets"] = neighbourhood_targets(self.linked, ids).to(projected)
        aligned: Tensor = ALIGNMENTS[loss.alignment].function(projected, mask, **further)
        return aligned


def _gaussian(score: Tensor, target: Tensor, *, log_variance: Tensor, beta: float) -> Tensor:
    return gaussian_loss(score, log_variance, target, beta)


def _variational(
    states: ChannelStates, feats: Mapping[str, Tensor], known: Tensor, weights: Mapping[str, Any]
) -> Tensor:  # fmt: skip
    """The variational loss of the ``known`` nodes alone, as its cross term draws the channels of a node together."""
    has_channel = dict(zip(states.encodings, (states.mask & known[:, None]).unbind(1), strict=True))
    uncertain = {name: encoding for name, encoding in states.encodings.items() if encoding.logvar is not None}
    return variational_loss(
        uncertain,
        {name: has_channel[name] for name in uncertain},
        features={name: feats[name] for name in states.decoded},
        decoded=states.decoded,
        **weights,
    )
