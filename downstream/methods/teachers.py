"""Distillation: a network that learns what finished runs predict, beside the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from downstream.losses.cka import cka_loss
from downstream.losses.importance import listwise_loss
from downstream.losses.lists import draw_lists
from downstream.losses.table import ListSize
from downstream.methods.finished_predictions import learned_deviation, prediction_of, runs_to
from downstream.methods.fold_work import FoldWork
from nie.arrays import Floats
from nie.errors import NieError
from nie.runs.run import Run
from nie.training.loss_terms import term

RANKED_NODES = 1024
"""Nodes of a step that are ranked as the teachers rank them; lists of all nodes of a large graph would not fit."""


@dataclass(frozen=True, eq=False)
class Teachers:
    """What the runs ``teachers`` say of all nodes of a fold: the mean of their predictions.

    They were trained on the same fold, so that they have seen no label of a validation or test node, and their
    predictions there are as honest as the student's. (A blend has fitted its few weights on validation labels.)

    Attributes:
        target: (N,) the mean prediction, less what is taken from the labels.
        weight: of the squared error.
        rank_weight: of the listwise loss.
        certainty: (N,) what a node's squared error is weighed by, of mean 1: the inverse of the mean of the
            variances that the teachers predict, whose disagreement is left out; None where all nodes count alike.
        layers: (N, d) each, what hidden vectors are aligned with.
        cka_weight: of that alignment.
    """

    target: Tensor
    weight: float
    rank_weight: float
    certainty: Tensor | None = None
    layers: tuple[Tensor, ...] = ()
    cka_weight: float = 0.0

    @classmethod
    def of(cls, work: FoldWork, centre: float) -> Teachers | None:
        """The teachers of a fold; None where the settings name none.

        Raises:
            NieError: a run cannot teach: another fold, other data, unfinished, or one that sees test labels; or it does
                not say how sure it is, where the settings ask for its certainty.
        """
        config, inputs = work.network, work.inputs
        if not config.teachers:
            return None
        runs = runs_to("teach", config.teachers)
        mean = np.mean([prediction_of("teach", run, inputs.kg, work.fold) for run in runs], axis=0)
        mean = work.scale.forward(mean) - centre
        target = torch.from_numpy(mean.astype(np.float32)).to(inputs.device)
        layers = tuple(torch.from_numpy(layer).float().to(inputs.device) for layer in work.teacher_layers)
        loss, certainty = config.loss, None
        if loss.teacher_certainty:
            precision = 1 / np.mean([_variance(run, work) for run in runs], axis=0)
            certainty = torch.from_numpy((precision / precision.mean()).astype(np.float32)).to(inputs.device)
        return cls(target, loss.teacher_weight, loss.teacher_rank_weight, certainty, layers, loss.teacher_cka.weight)

    def alignment(self, hidden: Tensor, nodes: Tensor | None) -> Tensor:
        """The mean over the ``layers`` of `downstream.losses.cka.cka_loss`, times its weight.

        Args:
            hidden: (n, d) the student's vectors of ``nodes``.
            nodes: ids; None for all nodes.
        """
        alike = [cka_loss(hidden, layer if nodes is None else layer[nodes]) for layer in self.layers]
        return self.cka_weight * term("teachers' layers", torch.stack(alike).mean())

    def loss(self, score: Tensor, nodes: Tensor | None, list_size: ListSize, generator: torch.Generator) -> Tensor:
        """``w mean_v c_v (s_v - t_v)^2 + r listwise(s, t)``, of labelled and unlabelled nodes alike.

        The squared error is that of Hinton et al. (2015, section 2) for a single number. ``certainty`` is c, and 1
        where there is none: pseudo-labels that count as far as their teacher trusts them, which is how EASING (Chen
        et al., WWW 2025) learns from nodes without a label. The listwise term compares the order of at most
        `RANKED_NODES` nodes, drawn anew, as RGTN compares scores with labels
        (`downstream.losses.importance.listwise_loss`).

        Args:
            score: of ``nodes``, on the scale of ``target``.
            nodes: ids; None for all nodes.
            list_size: nodes in a list.
            generator: draws nodes and lists.
        """
        target = self.target if nodes is None else self.target[nodes]
        error = (score - target).square()
        if self.certainty is not None:
            error = error * (self.certainty if nodes is None else self.certainty[nodes])
        total = self.weight * term("teachers", error.mean())
        if self.rank_weight and len(score) > 1:
            drawn = torch.randperm(len(score), generator=generator)[:RANKED_NODES].to(score.device)
            lists = draw_lists(len(drawn), list_size, generator).to(score.device)
            total = total + self.rank_weight * term(
                "teachers' order", listwise_loss(score[drawn], target[drawn], lists)
            )
        return total


def _variance(run: Run, work: FoldWork) -> Floats:
    """(N,) what a teacher predicts as the variance of each label."""
    deviation = learned_deviation(run, work.fold.index, work.inputs.kg.num_nodes)
    if deviation is None:
        raise NieError(
            f"{run.path} does not say how sure it is, as loss.teacher_certainty asks of runs that teach; "
            "train it with --loss.value gaussian."
        )
    return deviation**2
