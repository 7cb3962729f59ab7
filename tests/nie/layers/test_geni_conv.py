"""nie.layers.geni_conv."""

from __future__ import annotations

import pytest
import torch
from reference.attention import additive_attention
from reference.graphs import NUM_RELATIONS, normal, random_graph

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import GENIConv

HEADS, REL = 3, 4


def build(rel_size: int = REL, **options: float) -> GENIConv:
    torch.manual_seed(0)
    return GENIConv(rel_size, HEADS, **options).double()


@pytest.mark.parametrize("rel_size", [0, REL])
def test_equals_the_loop(rel_size: int) -> None:
    graph, etype = random_graph()
    conv, score, rel = build(rel_size, negative_slope=0.2), normal(9, HEADS), normal(NUM_RELATIONS, REL, seed=5)
    given = (rel, etype) if rel_size else (None, None)
    rel_score = rel @ conv.attn_rel.T if rel_size else None
    expected, weights = additive_attention(
        graph, score[..., None], score * conv.attn_src, score * conv.attn_dst, rel_score, etype, 0.2
    )
    torch.testing.assert_close(conv(graph, score, *given), expected[..., 0], rtol=0, atol=1e-10)
    torch.testing.assert_close(conv.attention(graph, score, *given), weights, rtol=0, atol=1e-10)


def test_gradcheck_and_every_parameter_gets_a_gradient() -> None:
    graph, etype = random_graph(num_nodes=5, num_edges=9)
    conv, score, rel = build(), normal(5, HEADS, requires_grad=True), normal(NUM_RELATIONS, REL, seed=5)
    assert torch.autograd.gradcheck(lambda s: conv(graph, s, rel, etype), (score,))
    conv(graph, score, rel, etype).square().sum().backward()
    assert all(parameter.grad.abs().max() > 1e-8 for parameter in conv.parameters())


def test_block_equals_full_graph() -> None:
    graph, etype = random_graph()
    conv, score, rel = build(), normal(9, HEADS), normal(NUM_RELATIONS, REL, seed=5)
    seeds = torch.tensor([5, 0, 3])
    _, _, (block,) = dgl.dataloading.MultiLayerFullNeighborSampler(1).sample_blocks(graph, seeds)
    found = conv(block, score[block.srcdata[dgl.NID]], rel, etype[block.edata[dgl.EID]])
    torch.testing.assert_close(found, conv(graph, score, rel, etype)[seeds], rtol=0, atol=1e-12)


def test_attention_is_dropped_in_training_only() -> None:
    graph, etype = random_graph()
    score, rel = normal(9, HEADS), normal(NUM_RELATIONS, REL, seed=5)
    conv, plain = build(attn_drop=0.9), build()
    assert not torch.allclose(conv(graph, score, rel, etype), plain(graph, score, rel, etype))
    torch.testing.assert_close(conv.eval()(graph, score, rel, etype), plain(graph, score, rel, etype))


def test_what_does_not_fit_is_named() -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match=r"source features have shape \(9, 2\)"):
        build()(graph, normal(9, 2), normal(NUM_RELATIONS, REL), etype)
    with pytest.raises(NieError, match="rel_size=4: give the relation table"):
        build()(graph, normal(9, HEADS))
    assert repr(build()) == "GENIConv(rel_size=4, heads=3)"
