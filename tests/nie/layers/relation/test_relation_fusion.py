"""nie.layers.relation."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import PreGATConv
from nie.layers.relation import (
    RelationContext,
    RelationFusion,
    relation_context,
)
from nie.training.rates import rate_groups

SRC, DST, ETYPE = (torch.randint(n, (40,), generator=torch.Generator().manual_seed(k)) for k, n in enumerate((9, 9, 6)))
FEAT = torch.randn(9, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def context() -> RelationContext:
    return relation_context(SRC, DST, ETYPE, 6, FEAT)


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
        ({"text": torch.ones(5, 2)}, r"text must have the shape \(6, d\); got \(5, 2\)"),
        ({"similarity_weight": -0.1}, "must not be negative"),
        ({"similarity_weight": 0.0, "context_weight": 0.0, "learn_weights": True}, "which are both 0"),
    ],
)
def test_what_does_not_fit(more: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        make(**more)
    with pytest.raises(NieError, match="needs the context"):
        RelationFusion(6, 4, context_weight=0.1)


def test_the_published_weights_run_fixed_and_learned() -> None:
    given = {"similarity_weight": 0.2, "context_weight": 0.8}
    assert make(**given).weights() == {"similarity": 0.2, "context": 0.8}
    assert make(**given, learn_weights=True).weights() == pytest.approx({"similarity": 0.1, "context": 0.4})
