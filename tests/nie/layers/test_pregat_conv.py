"""PreGATConv beside DGL's own GATConv; what both convolutions share is in test_convolutions.py."""

from __future__ import annotations

import importlib

import torch
from reference.graphs import normal, random_graph

from nie.layers import PreGATConv


def test_without_relations_it_is_dgls_gat() -> None:
    graph, _ = random_graph()
    ours = PreGATConv(5, 4, rel_size=0, num_heads=3, negative_slope=0.2).double()
    theirs = importlib.import_module("dgl.nn.pytorch").GATConv(5, 4, 3, bias=False, allow_zero_in_degree=True).double()
    with torch.no_grad():
        theirs.fc.weight.copy_(ours.project.weight)
        theirs.attn_l.copy_(ours.attn_src)
        theirs.attn_r.copy_(ours.attn_dst)
    feat = normal(graph.num_nodes(), 5)
    assert torch.allclose(ours(graph, feat), theirs(graph, feat), rtol=0, atol=1e-12)


def test_a_relation_shifts_the_attention_towards_its_edges() -> None:
    graph, etype = random_graph()
    conv = PreGATConv(5, 4, rel_size=1, num_heads=1).double()
    with torch.no_grad():
        conv.attn_rel.fill_(1.0)
    rel = torch.zeros(4, 1, dtype=torch.float64)
    feat = normal(graph.num_nodes(), 5)
    before = conv.attention(graph, feat, rel, etype)
    rel[1] = 50.0
    after = conv.attention(graph, feat, rel, etype)
    _, dst = graph.edges()
    touched = torch.isin(dst, dst[etype == 1])
    assert torch.equal(after[~touched], before[~touched])
    assert (after[touched & (etype != 1)] < before[touched & (etype != 1)]).all()
    for node in dst[etype == 1].unique():
        edges = (dst == node) & (etype == 1)
        assert after[edges].sum() >= before[edges].sum()


def test_half_precision_by_autocast() -> None:
    graph, etype = random_graph()
    conv = PreGATConv(5, 4, rel_size=3, num_heads=2)
    feat, rel = normal(graph.num_nodes(), 5).float(), normal(4, 3, seed=1).float()
    expected = conv(graph, feat, rel, etype)
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(graph, feat, rel, etype)
    assert torch.allclose(found.float(), expected, atol=0.1)
