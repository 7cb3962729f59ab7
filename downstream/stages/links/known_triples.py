"""Which triples are known, looked up for whole batches."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nie.arrays import Ints
from nie.errors import NieError
from nie.models.kge.rotation import Side


class KnownTriples:
    """The answers that are known of every question (head, relation, ?) and (?, relation, tail).

    Args:
        triples: (n, 3) head, relation and tail; repeated ones count once.
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
                f"The triple {row.tolist()} does not fit {num_entities} entities and {num_relations} relations."
            )
        self.num_entities, self.num_relations = num_entities, num_relations
        distinct = np.unique(triples, axis=0)
        self._keys = np.sort(self._key(distinct))
        self._answers = {side: self._index(distinct, side) for side in ("head", "tail")}

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
        """(B, K) bool: True where one of K distinct candidates, by default all entities, is a known answer."""
        rows, answers = self.pairs(triples, side)
        if candidates is None:
            candidates = torch.arange(self.num_entities, device=triples.device)
        column = torch.full((self.num_entities,), -1, dtype=torch.long, device=triples.device)
        column[candidates] = torch.arange(len(candidates), device=triples.device)
        columns = column[answers]
        asked = columns >= 0
        mask = torch.zeros(len(triples), len(candidates), dtype=torch.bool, device=triples.device)
        mask[rows[asked], columns[asked]] = True
        return mask

    def contains(self, triples: Tensor) -> Tensor:
        """(n,) bool, which of ``triples`` (n, 3) are known."""
        asked = self._key(triples.cpu().numpy())
        place = np.searchsorted(self._keys, asked).clip(max=len(self._keys) - 1)
        return torch.from_numpy(self._keys[place] == asked).to(triples.device)

    def _key(self, triples: Ints) -> Ints:
        """One number for each triple."""
        return (triples[:, 0] * self.num_relations + triples[:, 1]) * self.num_entities + triples[:, 2]
