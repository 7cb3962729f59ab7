"""nie.layers.relation.context."""

from __future__ import annotations

import pytest
import torch

from nie.errors import NieError
from nie.layers.relation import (
    ContextEnhancer,
    RelationContext,
    relation_context,
    with_inverses,
)

REL = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


SRC, DST, ETYPE = (torch.randint(n, (40,), generator=torch.Generator().manual_seed(k)) for k, n in enumerate((9, 9, 6)))


FEAT = torch.randn(9, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def context() -> RelationContext:
    return relation_context(SRC, DST, ETYPE, 6, FEAT)


def test_context_equals_the_loop() -> None:
    found = context()
    for r in range(6):
        edges = [e for e in range(40) if ETYPE[e] == r]
        heads, tails = (torch.stack([FEAT[int(ends[e])] for e in edges]).mean(0) for ends in (SRC, DST))
        torch.testing.assert_close(found.entities[r], torch.cat([heads, tails]))
    touched = [{int(n) for e in range(40) if ETYPE[e] == r for n in (SRC[e], DST[e])} for r in range(6)]
    for i in range(6):
        shared = [len(touched[i] & touched[j]) / (len(touched[i]) * len(touched[j])) ** 0.5 for j in range(6)]
        shared[i] = 0.0
        expected = torch.tensor(shared, dtype=torch.float64) / sum(shared)
        torch.testing.assert_close(found.relations[i], expected)


def test_the_graph_enters() -> None:
    enhance = ContextEnhancer(context(), 4).double()
    before = enhance(REL)
    enhance.entities = enhance.entities + 1.0
    assert not torch.allclose(enhance(REL), before)
    other = ContextEnhancer(relation_context(SRC, DST, (ETYPE + 1) % 6, 6, FEAT), 4).double()
    other.load_state_dict(enhance.state_dict())
    assert not torch.allclose(other(REL), before)
    with pytest.raises(NieError, match="dst has ids outside 0 to 8"):
        relation_context(SRC, DST + 1, ETYPE, 6, FEAT)


def test_inverses_and_loops_say_nothing_of_the_others() -> None:
    own = context()
    whole = with_inverses(own, inverse_relations=True, self_loops=True)
    assert whole.relations.shape == (13, 13)
    torch.testing.assert_close(whole.relations[:6, :6], own.relations)
    torch.testing.assert_close(whole.relations[6:12, :6], own.relations)
    assert not whole.relations[:, 6:].any()
    assert not whole.relations[12].any()
    torch.testing.assert_close(whole.entities[6:12, :3], own.entities[:, 3:])
    same = with_inverses(own, inverse_relations=False, self_loops=False)
    torch.testing.assert_close(same.relations, own.relations)


def test_relations_that_meet_no_other() -> None:
    alone = relation_context(torch.tensor([0]), torch.tensor([1]), torch.tensor([0]), 3, FEAT)
    assert not alone.relations.any()
    assert not alone.entities[1:].any()
