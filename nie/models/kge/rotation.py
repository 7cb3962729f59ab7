"""What models of rotations share: how vectors are turned and compared, and the scores that a training step reads.

A vector holds D complex numbers as 2 D real ones, the real parts first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from nie.errors import NieError

Side: TypeAlias = Literal["head", "tail"]
"""The end of a triple that is looked for."""

SIDES: tuple[Side, Side] = ("head", "tail")
Scorer: TypeAlias = Callable[[Tensor, Side], Tensor]
"""From triples (B, 3) and a side to the scores (B, N) of all entities at that end."""


@dataclass(frozen=True)
class Contrast:
    """Scores of one training step.

    Attributes:
        positive: (B,) of the triples.
        head, tail: (B, K), with each of K candidates in the place of the head, or of the tail.
    """

    positive: Tensor
    head: Tensor
    tail: Tensor


def rotated(vectors: Tensor, phases: Tensor, side: Side) -> Tensor:
    """Heads (B, 2D) turned by phases (B, D) where the tail is looked for; tails turned back where the head is.

    >>> import math
    >>> rotated(torch.tensor([[1.0, 0.0]]), torch.tensor([[math.pi / 2]]), "tail").round().tolist()
    [[-0.0, 1.0]]
    """
    (real, imaginary), (cos, sin) = vectors.chunk(2, dim=1), (phases.cos(), phases.sin())
    if side == "head":
        sin = -sin
    return torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=1)


def moduli(difference: Tensor) -> Tensor:
    """Sum of the moduli of the complex numbers in the last dimension: (..., 2D) to (...).

    >>> moduli(torch.tensor([3.0, 0.0, 4.0, 2.0])).item()
    7.0
    """
    real, imaginary = difference.chunk(2, dim=-1)
    # A modulus of 0 would have a gradient of nan.
    return (real.square() + imaginary.square()).clamp(min=torch.finfo(real.dtype).tiny).sqrt().sum(dim=-1)


def check_triples(triples: Tensor, entities: Tensor, phases: Tensor, ends: tuple[int, ...] = (0, 2)) -> None:
    """Raise unless ``triples`` is (B, 3) and the ids at its ``ends`` and of its relations are rows of the tables.

    Ids on a GPU are not checked, because that would wait for the GPU.
    """
    if triples.dim() != 2 or triples.shape[1] != 3:
        raise NieError(f"triples must have the shape (B, 3), of head, relation and tail; got {tuple(triples.shape)}.")
    if triples.device.type != "cpu" or not len(triples):
        return
    for column, table, kind in (*((end, entities, "entity") for end in ends), (1, phases, "relation")):
        _check_ids("A triple", kind, triples[:, column], table)


def check_candidates(candidates: Tensor, entities: Tensor, triples: Tensor | None = None) -> None:
    """Raise unless ``candidates`` is (K,), or (B, K) for ``triples`` of their own, with ids as in `check_triples`."""
    own = triples is not None and candidates.dim() == 2 and len(candidates) == len(triples)
    if candidates.dim() != 1 and not own:
        wanted = "(K,)" if triples is None else f"(K,) or ({len(triples)}, K)"
        raise NieError(f"candidates must have the shape {wanted}, of entities; got {tuple(candidates.shape)}.")
    if candidates.device.type == "cpu" and candidates.numel():
        _check_ids("A candidate", "entity", candidates, entities)


def _check_ids(what: str, kind: str, ids: Tensor, table: Tensor) -> None:
    if int(ids.min()) < 0 or int(ids.max()) >= len(table):
        wrong = int(ids[(ids < 0) | (ids >= len(table))][0])
        raise NieError(f"{what} names the {kind} {wrong}, but ids go from 0 to {len(table) - 1}.")


def known_end(triples: Tensor, side: Side, entities: Tensor, phases: Tensor) -> Tensor:
    """(B,) the entities at the end that is given, opposite to the one that is looked for.

    Raises:
        NieError: triples of another shape, ids that are no rows of the tables, or a side that does not exist.
    """
    if side not in SIDES:
        raise NieError(f"There is no side {side!r} of a triple; use head or tail.")
    end = 0 if side == "tail" else 2
    check_triples(triples, entities, phases, (end,))
    return triples[:, end]
