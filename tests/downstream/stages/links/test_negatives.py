"""downstream.stages.links.negatives and downstream.stages.links.known_triples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.negatives import Corrupted, corrupt, draw_negatives, head_share
from nie.errors import NieError

GENERATOR = np.random.default_rng(0)
TRIPLES = np.stack(
    [GENERATOR.integers(9, size=200), GENERATOR.integers(2, size=200), GENERATOR.integers(9, size=200)], 1
)
KNOWN = KnownTriples(TRIPLES, 9, 2)
ALL = torch.arange(9)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def drawn_for(triples: torch.Tensor, count: int, share: list[float]) -> Corrupted:
    return corrupt(triples, count, entities=ALL, share=torch.tensor(share), known=KNOWN, generator=seeded())


def test_known_triples_equal_the_loop() -> None:
    every = np.stack(np.meshgrid(range(9), range(2), range(9), indexing="ij"), axis=-1).reshape(-1, 3)
    there = {tuple(row) for row in TRIPLES.tolist()}
    expected = [tuple(row) in there for row in every.tolist()]
    assert KNOWN.contains(torch.from_numpy(every)).tolist() == expected
    candidates = torch.tensor([7, 0, 3])
    for side, column in (("head", 0), ("tail", 2)):
        asked = torch.from_numpy(every[::5])
        mask = KNOWN.mask(asked, side, candidates)  # type: ignore[arg-type]
        for row, triple in enumerate(asked.tolist()):
            for place, entity in enumerate(candidates.tolist()):
                changed = [*triple]
                changed[column] = entity
                assert mask[row, place] == (tuple(changed) in there)
        whole = KNOWN.mask(asked, side)  # type: ignore[arg-type]
        assert torch.equal(whole[:, candidates], mask)


def test_corrupted_triples_are_not_known_or_marked() -> None:
    triples = torch.from_numpy(TRIPLES)
    drawn = drawn_for(triples, 6, [0.5, 0.9])
    there = {tuple(row) for row in TRIPLES.tolist()}
    for triple, at_head, entities, false in zip(
        TRIPLES.tolist(), drawn.at_head.tolist(), drawn.entities.tolist(), drawn.false.tolist(), strict=True
    ):
        for entity, marked in zip(entities, false, strict=True):
            changed = [entity, *triple[1:]] if at_head else [*triple[:2], entity]
            assert marked == (tuple(changed) in there)
    assert drawn.false.float().mean() < 0.2  # two thirds of all triples are known here
    again = drawn_for(triples, 6, [0.5, 0.9])
    assert torch.equal(drawn.entities, again.entities)


def test_the_share_of_heads_is_that_of_the_relation() -> None:
    triples = torch.tensor([[0, 0, 1], [0, 1, 1]]).repeat(2000, 1)
    drawn = drawn_for(triples, 1, [0.2, 0.7])
    assert abs(drawn.at_head[::2].float().mean() - 0.2) < 0.04
    assert abs(drawn.at_head[1::2].float().mean() - 0.7) < 0.04


def test_what_all_is_known_is_marked() -> None:
    whole = np.array([[h, 0, t] for h in range(3) for t in range(3)])
    known = KnownTriples(whole, 3, 1)
    drawn = corrupt(
        torch.from_numpy(whole),
        2,
        entities=torch.arange(3),
        share=torch.ones(1),
        known=known,
        generator=seeded(),
    )
    assert drawn.false.all()


def test_only_the_entities_given_are_drawn() -> None:
    few = torch.tensor([2, 7, 8])
    everyone = torch.from_numpy(TRIPLES)
    drawn = corrupt(everyone, 4, entities=few, share=torch.ones(2), known=KNOWN, generator=seeded())
    assert set(drawn.entities.unique().tolist()) <= {2, 7, 8}
    assert set(draw_negatives(few, 2, torch.Generator().manual_seed(0)).tolist()) <= {2, 7, 8}


def test_bad_counts() -> None:
    with pytest.raises(NieError, match="at least 1 negative; got 0"):
        corrupt(
            torch.from_numpy(TRIPLES),
            0,
            entities=ALL,
            share=torch.ones(2),
            known=KNOWN,
            generator=torch.Generator(),
        )
    with pytest.raises(NieError, match=r"negatives\.count must be between 1 and 9, .*; got 10"):
        draw_negatives(torch.arange(9), 10, torch.Generator())
    assert head_share(torch.from_numpy(TRIPLES), 3)[2] == 0.5
