"""What an encoder of stage 1 is trained on: a loss of its embedding that reads the training labels of one fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from nie.training.loss_terms import term
from pretrain.contrast import Contrast
from pretrain.licap_settings import ContrastConfig, LicapLossConfig
from pretrain.losses import finer_bin_loss, info_nce, rank_n_contrast, top_bin_loss, y_aware_info_nce

MOST_PAIRED = 1024
"""Nodes that a step compares pair by pair; all pairs of a large graph would not fit."""

Step = tuple[Tensor | None, Callable[[Tensor], Tensor]]
"""Nodes whose embedding a step needs, None for all, and the loss of that embedding."""


def licap_loss(embedding: Tensor, contrast: Contrast, loss: ContrastConfig) -> Tensor:
    """``eta1 L1 + eta2 L2``, LICAP's two contrasts, for the (N, d) ``embedding`` of all nodes, or of a step's."""
    total, temperature = embedding.new_zeros(()), loss.temperature
    if loss.eta1:
        top, pool = embedding[contrast.top], embedding[contrast.pool]
        total = total + loss.eta1 * term("L1", top_bin_loss(top, pool, temperature=temperature))
    if loss.eta2:
        finer = finer_bin_loss(embedding[contrast.ordered], contrast.bin, contrast.weight, temperature=temperature)
        total = total + loss.eta2 * term("L2", finer)
    return total


@dataclass(frozen=True, eq=False)
class BinContrast:
    """LICAP: `licap_loss` of the nodes in ``contrast``."""

    contrast: Contrast
    loss: ContrastConfig
    head: None = None

    def __call__(self, embedding: Tensor) -> Tensor:
        """The loss of an embedding of all nodes."""
        return licap_loss(embedding, self.contrast, self.loss)

    def epoch(self, size: int | None, generator: torch.Generator) -> Iterator[Step]:
        """All nodes in one step, or the steps of `Contrast.steps`."""
        if size is None:
            yield None, self
            return
        for nodes, own in self.contrast.steps(size, generator):
            yield nodes, replace(self, contrast=own)


@dataclass(frozen=True, eq=False)
class LabelObjective:
    """A loss of single nodes, or of pairs of them, and of what is known of them: mostly their labels.

    Attributes:
        rows: (n,) the nodes, in random order.
        labels: (n,) their labels, less their mean; or (n, d) what else is known of them.
        compare: ``(embedding of some rows, their labels) -> loss``.
        most: nodes that are compared at once; None for all.
        head: what ``compare`` reads embeddings with, if that is trained.
    """

    rows: Tensor
    labels: Tensor
    compare: Callable[[Tensor, Tensor], Tensor]
    most: int | None = None
    head: nn.Module | None = None

    def __call__(self, embedding: Tensor) -> Tensor:
        """The loss of the first ``most`` nodes, which are always the same."""
        rows = self.rows[: self.most]
        return self.compare(embedding[rows], self.labels[: self.most])

    def epoch(self, size: int | None, generator: torch.Generator) -> Iterator[Step]:
        """One step on ``most`` nodes drawn anew, or on all; with ``size``, steps that go once through all nodes."""
        order = torch.randperm(len(self.rows), generator=generator).to(self.rows.device)
        if size is None:
            yield None, self._of(order[: self.most])
            return
        for drawn in order.tensor_split(-(-len(order) // size)):
            rows = torch.arange(len(drawn), device=drawn.device)
            yield self.rows[drawn], replace(self, rows=rows, labels=self.labels[drawn], most=None)

    def drawn(self, generator: torch.Generator) -> LabelObjective:
        """The same of ``most`` nodes drawn anew; itself where all are compared at once."""
        if self.most is None:
            return self
        return self._of(torch.randperm(len(self.rows), generator=generator)[: self.most].to(self.rows.device))

    def _of(self, places: Tensor) -> LabelObjective:
        """The same of the nodes at these places of ``rows``."""
        return replace(self, rows=self.rows[places], labels=self.labels[places])


@dataclass(frozen=True, eq=False)
class Summed:
    """The objective ``first`` and ``weight`` times another, of an embedding of all nodes.

    Attributes:
        first: the objective that says how training is cut into steps.
        beside: what is added to it.
        weight: of ``beside``.
        names: of the two, in curves.
    """

    first: BinContrast | LabelObjective | Summed
    beside: LabelObjective
    weight: float
    names: tuple[str, str]

    @property
    def head(self) -> nn.Module | None:
        """That of the one that has one."""
        return self.first.head if self.beside.head is None else self.beside.head

    def __call__(self, embedding: Tensor) -> Tensor:
        """The loss of an embedding of all nodes."""
        return self._sum(self.first, self.beside, embedding)

    def epoch(self, size: int | None, generator: torch.Generator) -> Iterator[Step]:
        """One step on all nodes, of which both may draw their own."""
        for nodes, first in self.first.epoch(size, generator):
            yield nodes, partial(self._sum, first, self.beside.drawn(generator))

    def _sum(self, first: Callable[[Tensor], Tensor], beside: LabelObjective, embedding: Tensor) -> Tensor:
        one, other = self.names
        return term(one, first(embedding)) + self.weight * term(other, beside(embedding))


Objective = BinContrast | LabelObjective | Summed
"""A loss of an embedding.

Called with an embedding of all nodes, it draws nothing, so that evaluations compare; ``epoch`` gives the steps of
training; ``head`` is what is trained beside the encoder.
"""


def label_objective(
    loss: LicapLossConfig, rows: Tensor, labels: Tensor, size: int, generator: torch.Generator
) -> LabelObjective:
    """The objective ``rank-n-contrast``, ``y-aware`` or ``regression``, the last with a new linear head.

    Args:
        loss: its settings.
        rows: (n,) ids of the training nodes.
        labels: (n,) their labels.
        size: of an embedding.
        generator: draws the order of the nodes.
    """
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    rows, labels = rows[order], labels[order] - labels.mean()
    if loss.objective == "regression":
        return regression(rows, labels, size)
    compare: Callable[..., Tensor] = (
        rank_n_contrast if loss.objective == "rank-n-contrast" else partial(y_aware_info_nce, bandwidth=loss.bandwidth)
    )
    return LabelObjective(rows, labels, partial(compare, temperature=loss.temperature), most=MOST_PAIRED)


def same_nodes(rows: Tensor, earlier: Tensor, temperature: float) -> LabelObjective:
    """The contrast that pulls a node to its own earlier embedding, away from those of others (`info_nce`).

    Args:
        rows: (n,) ids of the nodes, in random order.
        earlier: (n, d) their earlier embeddings.
        temperature: of the contrast.
    """

    def compare(nodes: Tensor, own: Tensor) -> Tensor:
        return info_nce(nodes, own, torch.arange(len(own), device=own.device), temperature=temperature)

    return LabelObjective(rows, earlier, compare, most=MOST_PAIRED)


def regression(rows: Tensor, labels: Tensor, size: int) -> LabelObjective:
    """The mean squared error of a new linear head.

    Args:
        rows: (n,) ids of the training nodes.
        labels: (n,) their labels, less their mean.
        size: of an embedding.
    """
    head = nn.Linear(size, 1).to(rows.device)
    return LabelObjective(rows, labels, lambda nodes, own: (head(nodes)[:, 0] - own).square().mean(), head=head)
