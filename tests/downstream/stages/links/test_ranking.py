"""downstream.stages.links.ranking, with downstream.stages.links.known_triples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.ranking import SIDES, filtered_ranks
from nie.errors import NieError

GENERATOR = np.random.default_rng(0)
ALL = np.unique(
    np.stack([GENERATOR.integers(12, size=90), GENERATOR.integers(3, size=90), GENERATOR.integers(12, size=90)], 1),
    axis=0,
)
KNOWN = KnownTriples(ALL, 12, 3)
TEST = torch.from_numpy(ALL[::4])
TABLE = torch.from_numpy(GENERATOR.integers(4, size=(2, 12, 3, 12))).double()  # many ties


def score(triples: Tensor, side: str) -> Tensor:
    given = triples[:, 2 if side == "head" else 0]
    return TABLE[SIDES.index(side), given, triples[:, 1]]  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk", [1, 7, 256])
def test_ranks_equal_the_loop(chunk: int) -> None:
    ranks = filtered_ranks(score, TEST, KNOWN, chunk=chunk)
    known = {tuple(row) for row in ALL.tolist()}
    for i, (head, relation, tail) in enumerate(TEST.tolist()):
        for column, side in enumerate(SIDES):
            scores = score(TEST[i : i + 1], side)[0].tolist()
            true = head if side == "head" else tail
            others = [
                scores[e]
                for e in range(12)
                if e != true and ((e, relation, tail) if side == "head" else (head, relation, e)) not in known
            ]
            better, equal = sum(s > scores[true] for s in others), sum(s == scores[true] for s in others)
            assert ranks.optimistic[i, column] == 1 + better
            assert ranks.pessimistic[i, column] == 1 + better + equal
            assert ranks.realistic[i, column] == 1 + better + equal / 2


def test_a_constant_model_is_best_worst_and_average() -> None:
    one = KnownTriples(np.array([[0, 0, 1]]), 11, 1)
    ranks = filtered_ranks(lambda triples, side: torch.zeros(len(triples), 11), torch.tensor([[0, 0, 1]]), one)
    assert ranks.metrics("optimistic")["mrr"] == 1
    assert ranks.metrics("pessimistic")["mrr"] == pytest.approx(1 / 11)
    assert ranks.metrics()["mrr"] == pytest.approx(1 / 6)
    assert ranks.metrics()["hits@10"] == 1


def test_nan_has_no_rank() -> None:
    with pytest.raises(NieError, match="nan or infinite"):
        filtered_ranks(lambda triples, side: torch.full((len(triples), 12), torch.nan), TEST, KNOWN)


def test_a_part_of_the_triples() -> None:
    ranks = filtered_ranks(score, TEST, KNOWN)
    rows = np.arange(len(TEST)) < 3
    assert ranks.metrics(rows=rows)["mrr"] == pytest.approx((1 / ranks.realistic[:3]).mean())
    with pytest.raises(NieError, match="no triple to rank"):
        ranks.metrics(rows=rows & False)


def test_known_answers_among_candidates() -> None:
    candidates = torch.tensor([5, 0, 11])
    for side in SIDES:
        mask = KNOWN.mask(TEST, side, candidates)
        for row, triple in enumerate(TEST.tolist()):
            for column, entity in enumerate(candidates.tolist()):
                changed = list(triple)
                changed[0 if side == "head" else 2] = entity
                assert bool(mask[row, column]) == ((changed == ALL).all(axis=1).any())


def test_ids_out_of_range() -> None:
    with pytest.raises(NieError, match=r"\[0, 3, 1\] does not fit 2 entities and 3 relations"):
        KnownTriples(np.array([[0, 3, 1]]), 2, 3)
