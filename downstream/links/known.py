"""Which triples are known, looked up for whole batches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nie.errors import NieError
from nie.models.kge.rotate import Side

Ints = npt.NDArray[np.int64]


class KnownTriples:
    """The answers that are known of every question (head, relation, ?) and (?, relation, tail).

    Args:
        triples: (n, 3) head, relation and tail; those that stand there twice count once.
        num_entities, num_relations: N and R.

    Raises:
        NieError: a triple with an id out of range.

    Example:
        >>> known = KnownTriples(np.array([[0, 0, 1], [0, 0, 2], [1, 0, 2]]), num_entities=3, num_relations=1)
        >>> known.mask(torch.tensor([[0, 0, 1]]), "tail").tolist()
        [[False, True, True]]
    """

    def __init__(self, triples: Ints, num_entities: int, num_relations: int) -> None:
        outside = (triples < 0) | (triples >= [num_entities, num_relations, num_entities])
        if outside.any():
            row = triples[np.argmax(outside.any(axis=1))]
            raise NieError(
                f"The triple {row.tolist()} does not fit {num_entities} entities, {num_relations} relations."
            )
        self.num_entities, self.num_relations = num_entities, num_relations
        self._answers = {side: self._index(np.unique(triples, axis=0), side) for side in ("head", "tail")}

    def _index(self, triples: Ints, side: str) -> tuple[Ints, Ints]:
        """Questions in order, and the answer of each."""
        given, wanted = (0, 2) if side == "tail" else (2, 0)
        questions = triples[:, given] * self.num_relations + triples[:, 1]
        order = np.lexsort([triples[:, wanted], questions])
        return questions[order], triples[order, wanted]

    def pairs(self, triples: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        """Rows of ``triples`` (B, 3) and known answers to their questions, as two vectors of one length."""
        questions, answers = self._answers[side]
        batch = triples.cpu().numpy()
        asked = batch[:, 0 if side == "tail" else 2] * self.num_relations + batch[:, 1]
        first, last = (np.searchsorted(questions, asked, where) for where in ("left", "right"))
        counts = last - first
        rows = np.repeat(np.arange(len(asked)), counts)
        within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        found = answers[np.repeat(first, counts) + within]
        return torch.from_numpy(rows).to(triples.device), torch.from_numpy(found).to(triples.device)

    def mask(self, triples: Tensor, side: Side, candidates: Tensor | None = None) -> Tensor:
        """(B, K) bool: True where a candidate, by default any entity, is a known answer."""
        rows, answers = self.pairs(triples, side)
        whole = torch.zeros(len(triples), self.num_entities, dtype=torch.bool, device=triples.device)
        whole[rows, answers] = True
        return whole if candidates is None else whole[:, candidates]
