"""RotatE: relations are rotations of complex embeddings."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.ops import complex_distance

Side: TypeAlias = Literal["head", "tail"]
"""The end of a triple that is looked for."""


class RotatE(nn.Module):
    r"""Score triples by how near the rotated head comes to the tail (Sun et al., ICLR 2019, equations 2 and 3).

    .. math:: s(h, r, t) = \mathrm{margin} - \sum_d |h_d e^{i \theta_{rd}} - t_d|

    Heads are looked for with the tail rotated back, which is the same distance, as a rotation keeps moduli.

    Args:
        num_entities: N.
        num_relations: R.
        size: D, complex dimensions; an entity has 2 D numbers.
        margin: the score of a perfect match.

    Example:
        >>> model = RotatE(num_entities=5, num_relations=2, size=8)
        >>> triples = torch.tensor([[0, 1, 4], [2, 0, 3]])  # head, relation, tail
        >>> model(triples).shape, model.against(triples, "tail").shape
        (torch.Size([2]), torch.Size([2, 5]))
    """

    def __init__(self, *, num_entities: int, num_relations: int, size: int = 256, margin: float = 9.0) -> None:
        super().__init__()
        self.margin, self.size = margin, size
        self.entities = nn.Parameter(torch.empty(num_entities, 2 * size))  # real parts, then imaginary ones
        self.phases = nn.Parameter(torch.empty(num_relations, size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform entities within (margin + 2) / D, so that distances begin near the margin; uniform phases."""
        bound = (self.margin + 2) / self.size
        nn.init.uniform_(self.entities, -bound, bound)
        nn.init.uniform_(self.phases, -math.pi, math.pi)

    def forward(self, triples: Tensor) -> Tensor:
        """(B,) scores of ``triples`` (B, 3): head, relation, tail.

        Raises:
            NieError: another shape.
        """
        _check(triples)
        real, imaginary = (self._queries(triples, "tail") - self.entities[triples[:, 2]]).chunk(2, dim=1)
        tiny = torch.finfo(real.dtype).tiny
        return self.margin - (real.square() + imaginary.square()).clamp(min=tiny).sqrt().sum(dim=1)

    def against(self, triples: Tensor, side: Side, candidates: Tensor | None = None) -> Tensor:
        """(B, K) scores with each candidate in the place of the head or the tail.

        Args:
            triples: (B, 3); the end that is looked for is not read.
            side: that end.
            candidates: (K,) entities; by default all.

        Raises:
            NieError: another shape, or a side that does not exist.
        """
        _check(triples)
        if side not in ("head", "tail"):
            raise NieError(f"There is no side {side!r} of a triple; use head or tail.")
        keys = self.entities if candidates is None else self.entities[candidates]
        return self.margin - complex_distance(self._queries(triples, side), keys)

    def _queries(self, triples: Tensor, side: Side) -> Tensor:
        """(B, 2D): the rotated head, or the tail rotated back."""
        known = self.entities[triples[:, 0 if side == "tail" else 2]]
        phase = self.phases[triples[:, 1]]
        (real, imaginary), (cos, sin) = known.chunk(2, dim=1), (phase.cos(), phase.sin())
        if side == "head":
            sin = -sin
        return torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=1)


def _check(triples: Tensor) -> None:
    if triples.dim() != 2 or triples.shape[1] != 3:
        raise NieError(f"triples have shape {tuple(triples.shape)}; (B, 3) of head, relation and tail is due.")
