from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.attention import additive_attention
from reference.graphs import NUM_RELATIONS, normal, random_graph
from reference.resets import check_reset
from torch import Tensor
from torch.nn import Linear

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import PreGATConv
from nie.models import PreGAT

IN, OUT = 5, 6


def build(**options: Any) -> PreGAT:
    torch.manual_seed(0)
    settings = {"head_size": 4, "num_heads": 2, "rel_size": 3} | options
    return PreGAT(IN, OUT, num_relations=NUM_RELATIONS, **settings).double()


def loop(model: PreGAT, graph: dgl.DGLGraph, feat: Tensor, etype: Tensor) -> Tensor:
    def conv(layer: PreGATConv, h: Tensor) -> Tensor:
        z = torch.stack([layer.project.weight @ row for row in h]).view(len(h), layer.num_heads, layer.out_size)
        heads = range(layer.num_heads)
        src = torch.stack([z[:, k] @ layer.attn_src[k] for k in heads], dim=1)
        dst = torch.stack([z[:, k] @ layer.attn_dst[k] for k in heads], dim=1)
        rel = None if model.relations is None else model.relations @ layer.attn_rel.T  # type: ignore[union-attr]
        return additive_attention(graph, z, src, dst, rel, etype, layer.negative_slope)[0].flatten(1)

    def own(layer: Linear | None, h: Tensor) -> Tensor | float:
        return 0.0 if layer is None else torch.stack([layer.weight @ row for row in h])

    h = conv(model.hidden, feat) + own(model.own_hidden, feat)
    h = torch.where(h > 0, h, torch.exp(h) - 1)
    return conv(model.output, h) + own(model.own_output, h)


@pytest.mark.parametrize(
    "options", [{}, {"use_relations": False}, {"negative_slope": 0.2}, {"residual": True}], ids=str
)
def test_equals_the_loop(options: dict[str, Any]) -> None:
    graph, etype = random_graph()
    model, feat = build(**options), normal(9, IN)
    out = model(graph, feat, etype)
    assert out.shape == (9, OUT)
    torch.testing.assert_close(out, loop(model, graph, feat, etype), rtol=0, atol=1e-10)


@pytest.mark.parametrize("use_relations", [True, False])
def test_every_parameter_gets_a_gradient(use_relations: bool) -> None:
    graph, etype = random_graph()
    model = build(use_relations=use_relations, residual=True)
    assert (model.relations is not None) is use_relations
    out = model(graph, normal(9, IN), etype)
    (out * normal(*out.shape, seed=9)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-8, name


def test_without_relations_edge_types_do_not_matter() -> None:
    graph, etype = random_graph()
    model, feat = build(use_relations=False), normal(9, IN)
    torch.testing.assert_close(model(graph, feat), model(graph, feat, etype), rtol=0, atol=0)
    with_relations = build()
    shifted = with_relations(graph, feat, (etype + 1) % NUM_RELATIONS)
    assert not torch.allclose(with_relations(graph, feat, etype), shifted)


@pytest.mark.parametrize("options", [{}, {"use_relations": False}, {"residual": True}], ids=str)
def test_blocks_equal_full_graph(options: dict[str, Any]) -> None:
    graph, etype = random_graph()
    model, feat = build(**options), normal(9, IN)
    seeds = torch.tensor([7, 0, 4])
    inputs, _, blocks = dgl.dataloading.MultiLayerFullNeighborSampler(2).sample_blocks(graph, seeds)
    etypes = [etype[block.edata[dgl.EID]] for block in blocks]
    out = model(blocks, feat[inputs], etypes)
    torch.testing.assert_close(out, model(graph, feat, etype)[seeds], rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_layers", [1, 2, 5])
@pytest.mark.parametrize("further", [{}, {"residual": True, "norm": True}, {"jumping": "max"}, {"jumping": "concat"}])
def test_any_depth_learns_and_serves_blocks(num_layers: int, further: dict[str, Any]) -> None:
    graph, etype = random_graph()
    model, feat = build(num_layers=num_layers, **further), normal(9, IN)
    assert model.num_hops == num_layers
    out = model(graph, feat, etype)
    (out * normal(*out.shape, seed=9)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    seeds = torch.tensor([7, 0])
    inputs, _, blocks = dgl.dataloading.MultiLayerFullNeighborSampler(num_layers).sample_blocks(graph, seeds)
    made = model(blocks, feat[inputs], [etype[block.edata[dgl.EID]] for block in blocks])
    torch.testing.assert_close(made, out[seeds], rtol=0, atol=1e-12)
    check_reset(model, build(num_layers=num_layers, **further))


@pytest.mark.parametrize("name", ["feat_drop", "attn_drop"])
def test_dropout_acts_in_training_only(name: str) -> None:
    graph, etype = random_graph()
    plain, dropped, feat = build(), build(**{name: 0.5}), normal(9, IN)
    assert not torch.allclose(plain(graph, feat, etype), dropped(graph, feat, etype))
    expected = plain.eval()(graph, feat, etype)
    torch.testing.assert_close(dropped.eval()(graph, feat, etype), expected, rtol=0, atol=0)


def test_reset_parameters_sets_everything() -> None:
    check_reset(build(), build())
    check_reset(build(residual=True), build(residual=True))


def test_without_a_loop_a_nodes_own_features_reach_its_embedding_by_the_residual_alone() -> None:
    graph, etype, feat = dgl.graph(([0, 1], [2, 2]), num_nodes=3), torch.tensor([0, 1]), normal(3, IN)
    changed = feat + torch.tensor([[0.0], [0.0], [1.0]])
    for residual in (False, True):
        model = build(residual=residual)
        assert torch.equal(model(graph, feat, etype)[2], model(graph, changed, etype)[2]) != residual


def test_relations_need_edge_types() -> None:
    graph, _ = random_graph()
    with pytest.raises(NieError, match="give the relation table rel and etype"):
        build()(graph, normal(9, IN))
