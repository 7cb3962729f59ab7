"""What a relation joins in the graph, as vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from nie.errors import NieError
from nie.ops.row_sum import row_sum
from nie.ops.shapes import expect_sizes


@dataclass(frozen=True)
class RelationContext:
    """The surroundings of every relation in a graph.

    Attributes:
        entities: (R, 2d), mean features of its heads beside those of its tails.
        relations: (R, R), share of each other relation among those that it meets; a row sums to 1, or to 0 for a
            relation that meets no other.
    """

    entities: Tensor
    relations: Tensor


def relation_context(src: Tensor, dst: Tensor, etype: Tensor, num_relations: int, feat: Tensor) -> RelationContext:
    r"""Collect the context of relations from the edges of a graph.

    Two relations meet by the entities A and B that they touch: :math:`|A \cap B| / \sqrt{|A| |B|}`, so that a relation
    that touches everything does not count most for all others.

    Args:
        src, dst, etype: (E,) heads, tails and relations.
        num_relations: R.
        feat: (N, d) features of entities.

    Raises:
        NieError: an id that is out of range.

    Example:
        >>> src, dst, etype = torch.tensor([[0, 1], [1, 2], [0, 1]])
        >>> context = relation_context(src, dst, etype, 2, torch.tensor([[1.0], [2.0], [3.0]]))
        >>> context.entities.tolist(), context.relations.tolist()
        ([[1.0, 2.0], [2.0, 3.0]], [[0.0, 1.0], [1.0, 0.0]])
    """
    for name, ids, size in (("src", src, len(feat)), ("dst", dst, len(feat)), ("etype", etype, num_relations)):
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < size:
            raise NieError(f"{name} has ids outside 0 to {size - 1}.")
    count = torch.bincount(etype, minlength=num_relations).clamp(min=1).to(feat)[:, None]
    means = [row_sum(feat[ends], etype, num_relations) / count for ends in (src, dst)]
    touches = sparse.csr_matrix(
        (
            np.ones(2 * len(etype), np.float32),
            (torch.cat([etype, etype]).cpu().numpy(), torch.cat([src, dst]).cpu().numpy()),
        ),
        shape=(num_relations, len(feat)),
    )
    touches.data[:] = 1  # however many edges join them
    shared = torch.from_numpy((touches @ touches.T).toarray()).to(feat)
    reach = shared.diagonal().clamp(min=1).sqrt()
    likeness = (shared / reach[:, None] / reach).fill_diagonal_(0)
    total = likeness.sum(dim=1, keepdim=True)
    return RelationContext(torch.cat(means, dim=1), likeness / torch.where(total > 0, total, 1.0))


def with_inverses(context: RelationContext, *, inverse_relations: bool, self_loops: bool) -> RelationContext:
    """The context of a message graph's relations, made from the context of the graph's own.

    The inverse of a relation has its tails for heads and meets what the relation meets; that the two touch the same
    entities says nothing and does not count. Self-loops touch all entities and meet no relation.

    >>> context = RelationContext(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1))
    >>> with_inverses(context, inverse_relations=True, self_loops=True).entities.tolist()
    [[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]]
    """
    entities, relations = [context.entities], [context.relations]
    if inverse_relations:
        heads, tails = context.entities.chunk(2, dim=1)
        entities.append(torch.cat([tails, heads], dim=1))
        relations.append(context.relations)
    if self_loops:
        entities.append(torch.zeros_like(context.entities[:1]))
        relations.append(torch.zeros_like(context.relations[:1]))
    rows = torch.cat(relations)
    return RelationContext(torch.cat(entities), nn.functional.pad(rows, (0, len(rows) - rows.shape[1])))


class ContextEnhancer(nn.Module):
    r"""From relation vectors to what the entities and relations around each relation say of it.

    .. math:: d_i = \tanh(W_e [\bar x_{head(i)}; \bar x_{tail(i)}] + W_r \sum_j C_{ij} r_j)

    with the mean features :math:`\bar x` of a relation's heads and tails and the shares :math:`C` of
    :class:`RelationContext`, so that the graph really enters.

    Args:
        context: surroundings of the relations; the module keeps them, but does not save them with its weights.
        size: D, of a relation vector.

    Example:
        >>> context = RelationContext(torch.randn(3, 8), torch.full((3, 3), 1 / 3))
        >>> ContextEnhancer(context, 5)(torch.randn(3, 5)).shape
        torch.Size([3, 5])
    """

    entities: Tensor
    shares: Tensor

    def __init__(self, context: RelationContext, size: int) -> None:
        super().__init__()
        expect_sizes(size=size)
        self.register_buffer("entities", context.entities, persistent=False)
        self.register_buffer("shares", context.relations, persistent=False)
        self.from_entities = nn.Linear(context.entities.shape[1], size)
        self.from_relations = nn.Linear(size, size, bias=False)

    def reset_parameters(self) -> None:
        """Reset to torch's defaults."""
        self.from_entities.reset_parameters()
        self.from_relations.reset_parameters()

    def forward(self, rel: Tensor) -> Tensor:
        """(R, D) for relation vectors ``rel`` (R, D)."""
        return torch.tanh(self.from_entities(self.entities) + self.from_relations(self.shares @ rel))
