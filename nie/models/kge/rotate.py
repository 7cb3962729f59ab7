"""RotatE: relations are rotations of complex embeddings."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.models.kge.rotation import Contrast, Scorer, Side, check_candidates, check_triples, known_end, moduli, rotated
from nie.ops import complex_distance
from nie.ops.shapes import expect_sizes


class RotatE(nn.Module):
    r"""Score triples by how near the rotated head comes to the tail (Sun et al., ICLR 2019, equations 2 and 3).

    .. math:: s(h, r, t) = \mathrm{margin} - \sum_d |h_d e^{i \theta_{rd}} - t_d|

    Where the head is looked for, the tail is rotated back; the distance is the same, as a rotation keeps moduli.

    Args:
        num_entities: N.
        num_relations: R.
        size: D, complex dimensions; an entity has 2 D numbers.
        margin: the score of a perfect match.
        relations: makes the phases (R, D) when called, such as :class:`nie.layers.relation.RelationFusion`; by default
            they are learned freely.
        handicap: whether there is a buffer ``handicap`` (N,) of zeros, which `scorer` subtracts from the scores of
            entities: it is for those that `nie.models.kge.likeness.placed_by_likeness` has placed without training.

    Example:
        >>> model = RotatE(num_entities=5, num_relations=2, size=8)
        >>> triples = torch.tensor([[0, 1, 4], [2, 0, 3]])  # head, relation, tail
        >>> model(triples).shape, model.against(triples, "tail").shape
        (torch.Size([2]), torch.Size([2, 5]))
    """

    handicap: Tensor | None

    def __init__(
        self, *, num_entities: int, num_relations: int, size: int = 256, margin: float = 9.0,
        relations: nn.Module | None = None, handicap: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(num_entities=num_entities, num_relations=num_relations, size=size)
        self.margin, self.size, self.num_relations = margin, size, num_relations
        self.entities = nn.Parameter(torch.empty(num_entities, 2 * size))  # real parts, then imaginary ones
        self.phases = nn.Parameter(torch.empty(num_relations, size)) if relations is None else None
        self.relations = relations
        self.register_buffer("handicap", torch.zeros(num_entities) if handicap else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw uniform phases, and entities within (margin + 2) / D, so that distances begin near the margin."""
        bound = (self.margin + 2) / self.size
        nn.init.uniform_(self.entities, -bound, bound)
        if self.phases is not None:
            nn.init.uniform_(self.phases, -math.pi, math.pi)
        elif hasattr(self.relations, "reset_parameters"):
            self.relations.reset_parameters()  # type: ignore[operator, union-attr]

    def forward(self, triples: Tensor) -> Tensor:
        """(B,) scores of ``triples`` (B, 3): head, relation, tail.

        Raises:
            NieError: another shape, or an id that does not exist.
        """
        phases = self.rotations()
        check_triples(triples, self.entities, phases)
        turned = rotated(self.entities[triples[:, 0]], phases[triples[:, 1]], "tail")
        return self.margin - moduli(turned - self.entities[triples[:, 2]])

    def against(self, triples: Tensor, side: Side, candidates: Tensor | None = None) -> Tensor:
        """(B, K) scores with each candidate in the place of the head or the tail.

        Args:
            triples: (B, 3); the end that is looked for is not read.
            side: that end.
            candidates: (K,) entities for all triples, or (B, K) for each triple; by default all entities.

        Raises:
            NieError: another shape, an id or a side that does not exist.
        """
        return self._against(triples, side, candidates, self.rotations())

    def contrast(self, triples: Tensor, candidates: Tensor) -> Contrast:
        """The scores of one training step: of the triples, and with candidates (K,) at either end.

        Raises:
            NieError: another shape, or an id that does not exist.
        """
        phases = self.rotations()
        check_triples(triples, self.entities, phases)
        check_candidates(candidates, self.entities)
        turned = rotated(self.entities[triples[:, 0]], phases[triples[:, 1]], "tail")
        positive = self.margin - moduli(turned - self.entities[triples[:, 2]])
        keys = self.entities[candidates]
        turned_back = rotated(self.entities[triples[:, 2]], phases[triples[:, 1]], "head")
        head, tail = (self.margin - complex_distance(query, keys) for query in (turned_back, turned))
        return Contrast(positive, head, tail)

    def scorer(self, phases: Tensor | None = None) -> Scorer:
        """A function that scores all entities, for ranking; with other ``phases`` (R, D) than the model's, if given."""
        phases = self.rotations() if phases is None else phases
        if self.handicap is None:
            return lambda triples, side: self._against(triples, side, None, phases)
        handicap = self.handicap
        return lambda triples, side: self._against(triples, side, None, phases) - handicap

    def _against(self, triples: Tensor, side: Side, candidates: Tensor | None, phases: Tensor) -> Tensor:
        query = rotated(self.entities[known_end(triples, side, self.entities, phases)], phases[triples[:, 1]], side)
        if candidates is not None:
            check_candidates(candidates, self.entities, triples)
        if candidates is not None and candidates.dim() == 2:
            return self.margin - complex_distance(query, self.entities, candidates)
        keys = self.entities if candidates is None else self.entities[candidates]
        return self.margin - complex_distance(query, keys)

    def rotations(self) -> Tensor:
        """(R, D)."""
        if self.phases is not None:
            return self.phases
        assert self.relations is not None
        phases: Tensor = self.relations()
        if phases.shape != (self.num_relations, self.size):
            raise NieError(
                f"relations must give phases of shape ({self.num_relations}, {self.size}); got {tuple(phases.shape)}."
            )
        return phases
