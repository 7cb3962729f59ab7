"""nie.layers.relation."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import PreGATConv
from nie.layers.relation import (
    ContextEnhancer,
    RelationContext,
    RelationFusion,
    SimilarityEnhancer,
    relation_context,
    with_inverses,
)
from nie.training.loop import rate_groups

REL = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SRC, DST, ETYPE = (torch.randint(n, (40,), generator=torch.Generator().manual_seed(k)) for k, n in enumerate((9, 9, 6)))
FEAT = torch.randn(9, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def context() -> RelationContext:
    return relation_context(SRC, DST, ETYPE, 6, FEAT)


def test_similarity_equals_the_loop() -> None:
    enhance = SimilarityEnhancer(threshold=0.3, temperature=0.2).double()
    found = enhance(REL)
    units = [row / row.norm() for row in REL]
    for i in range(6):
        others = [j for j in range(6) if j != i]
        cosines = {j: float(units[i] @ units[j]) for j in others}
        raw = {j: math.exp(c / 0.2) / (1 + math.exp(-(c - 0.3) / 0.2)) for j, c in cosines.items()}
        expected = REL[i].norm() * (sum(raw[j] / sum(raw.values()) * units[j] for j in others) - units[i])
        torch.testing.assert_close(found[i], expected, rtol=0, atol=1e-6)


def test_the_length_of_a_relation_changes_no_direction() -> None:
    """The published form takes the relation itself as it is, so that a long one is pushed back whatever it is like."""
    enhance = SimilarityEnhancer().double()
    lengths = torch.tensor([1.0, 5.0, 0.1, 1.0, 1.0, 9.0], dtype=torch.float64)[:, None]
    torch.testing.assert_close(enhance(lengths * REL), lengths * enhance(REL), rtol=0, atol=1e-10)


def test_a_step_is_as_long_in_many_dimensions_as_in_few() -> None:
    shares = []
    for size in (10, 250):
        rel = torch.randn(50, size, generator=torch.Generator().manual_seed(0))
        shares.append(float((SimilarityEnhancer()(rel).norm(dim=1) / rel.norm(dim=1)).detach().mean()))
    assert abs(shares[0] - shares[1]) < 0.5
    assert min(shares) > 0.5


def test_threshold_and_temperature_learn() -> None:
    enhance = SimilarityEnhancer(threshold=0.25)
    assert torch.sigmoid(enhance.threshold).item() == pytest.approx(0.25)
    enhance(REL.float()).square().sum().backward()
    assert enhance.threshold.grad is not None
    assert bool(enhance.threshold.grad)
    assert bool(enhance.temperature.grad)
    assert not SimilarityEnhancer()(torch.ones(1, 3)).any()
    with pytest.raises(NieError, match="threshold is 1"):
        SimilarityEnhancer(threshold=1.0)


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


def make(**more: Any) -> RelationFusion:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"text": torch.randn(6, 5), "similarity_weight": 0.3, "context_weight": 0.2, **more}
    single = RelationContext(context().entities.float(), context().relations.float())
    return RelationFusion(6, 4, context=single, **settings)


def test_fixed_and_learned_weights_begin_alike_and_r_counts_once() -> None:
    fixed, learned = make(), make(learn_weights=True)
    learned.load_state_dict({**fixed.state_dict(), "logits": learned.logits})
    torch.testing.assert_close(learned(), fixed(), rtol=0, atol=1e-6)
    assert learned.weights()["similarity"] == pytest.approx(0.3)
    for part in (learned.similarity, learned.context):
        part.forward = lambda rel: torch.zeros_like(rel)  # type: ignore[method-assign, union-attr]
    bare = make(similarity_weight=0.0, context_weight=0.0)
    bare.load_state_dict({name: value for name, value in fixed.state_dict().items() if name in bare.state_dict()})
    torch.testing.assert_close(learned(), bare(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"learn_weights": True},
        {"learned": False},
        {"text": None},
        {"similarity_weight": 0.0},
        {"context_weight": 0.0},
    ],
)
def test_every_parameter_learns_and_is_reset(more: dict[str, Any]) -> None:
    fusion = make(**more)
    fusion().square().sum().backward()
    assert all(bool(p.grad.any()) for p in fusion.parameters() if p.grad is not None)
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in fusion.parameters())
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.fill_(7.0)
    fusion.reset_parameters()
    assert not any(bool((p == 7.0).any()) for p in fusion.parameters())


def test_a_part_that_is_left_out_gets_no_weight() -> None:
    fusion = make(context_weight=0.0, learn_weights=True)
    assert fusion.weights() == pytest.approx({"similarity": 0.3, "context": 0.0})
    optimizer = torch.optim.Adam(fusion.parameters(), lr=0.1, weight_decay=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        fusion().square().sum().backward()
        optimizer.step()
    weights = fusion.weights()
    assert weights["context"] == 0
    assert weights["similarity"] != pytest.approx(0.3)


def test_what_reads_text_has_a_rate_of_its_own() -> None:
    fusion = RelationFusion(6, 4, text=torch.randn(6, 5), text_lr=0.1)
    assert [(group["lr"], len(group["params"])) for group in rate_groups(fusion, 0.5)] == [(0.5, 1), (0.05, 2)]


def test_it_is_the_relation_table_of_a_layer() -> None:
    graph = dgl.graph((SRC, DST), num_nodes=9)
    conv = PreGATConv(3, 2, 4)
    fusion = make()
    conv(graph, FEAT.float(), fusion(), ETYPE).sum().backward()
    assert fusion.project is not None
    assert fusion.project.weight.grad is not None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"text": None, "learned": False}, "give text, or learned=True"),
        ({"text": torch.ones(5, 2)}, r"text has shape \(5, 2\); \(6, d\)"),
        ({"similarity_weight": 0.8}, "below 1 together"),
        ({"similarity_weight": -0.1}, "not negative"),
        ({"similarity_weight": 0.0, "context_weight": 0.0, "learn_weights": True}, "which are both 0"),
    ],
)
def test_what_does_not_fit(more: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        make(**more)
    with pytest.raises(NieError, match="needs the context"):
        RelationFusion(6, 4, context_weight=0.1)
