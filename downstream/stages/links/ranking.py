"""Filtered ranks of the entities that complete triples, and the figures made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from downstream.stages.links.known_triples import KnownTriples
from nie.arrays import Bools, Floats
from nie.errors import NieError
from nie.models.kge.rotation import SIDES, Scorer

Kind = Literal["optimistic", "realistic", "pessimistic"]
CHUNK = 256


@dataclass(frozen=True)
class Ranks:
    """Ranks, from 1, of the true heads (column 0) and tails (column 1) of n triples.

    Attributes:
        optimistic: (n, 2), before all entities of the same score.
        pessimistic: (n, 2), after them. A model that scores everything alike has rank 1 by the former and N by it.
    """

    optimistic: Floats
    pessimistic: Floats

    @property
    def realistic(self) -> Floats:
        """(n, 2), the mean of both: what to report (Berrendorf et al., 2020)."""
        return (self.optimistic + self.pessimistic) / 2

    def metrics(self, kind: Kind = "realistic", rows: Bools | None = None) -> dict[str, float]:
        """Mean reciprocal rank and hits at 1, 3 and 10 over both sides.

        Args:
            kind: which ranks.
            rows: (n,) the triples to count; by default all.

        Raises:
            NieError: no triple is left.

        >>> Ranks(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])).metrics()["hits@1"]
        0.5
        """
        ranks: Floats = getattr(self, kind)
        ranks = ranks if rows is None else ranks[rows]
        if ranks.size == 0:
            raise NieError("There is no triple to rank.")
        return {"mrr": float((1 / ranks).mean()), **{f"hits@{k}": float((ranks <= k).mean()) for k in (1, 3, 10)}}


@torch.no_grad()
def filtered_ranks(score: Scorer, triples: Tensor, known: KnownTriples, *, chunk: int = CHUNK) -> Ranks:
    """Rank the true end of every triple among all entities, without those that make another known triple.

    Args:
        score: (triples (B, 3), side) -> (B, N) scores of all entities, higher for likelier ones.
        triples: (n, 3).
        known: the triples of all splits.
        chunk: triples at a time.

    Raises:
        NieError: a score is nan, whose rank would be anything, or infinite.
    """
    optimistic, pessimistic = np.empty((len(triples), 2)), np.empty((len(triples), 2))
    # A model whose entities depend on the relation computes them once for each relation and chunk.
    order = triples[:, 1].argsort(stable=True)
    for column, side in enumerate(SIDES):
        for rows_of_chunk in torch.split(order, chunk):
            batch = triples[rows_of_chunk]
            scores = score(batch, side)
            if not bool(scores.isfinite().all()):
                raise NieError("The model gives scores that are nan or infinite, which have no rank.")
            own = scores.gather(1, batch[:, 0 if side == "head" else 2, None])
            rows, answers = known.pairs(batch, side)
            # Known answers are not counted, and the true one is among them; so it is added again.
            better = (scores > own).sum(dim=1) - _count(scores[rows, answers] > own[rows, 0], rows, len(batch))
            equal = (scores == own).sum(dim=1) - _count(scores[rows, answers] == own[rows, 0], rows, len(batch))
            places = rows_of_chunk.cpu().numpy()
            optimistic[places, column] = (1 + better).cpu().numpy()
            pessimistic[places, column] = (1 + better + equal.clamp(min=0)).cpu().numpy()
    return Ranks(optimistic, pessimistic)


def _count(true: Tensor, rows: Tensor, num_rows: int) -> Tensor:
    return torch.bincount(rows[true], minlength=num_rows)
