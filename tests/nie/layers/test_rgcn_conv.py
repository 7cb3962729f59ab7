"""nie.layers.rgcn_conv."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import RGCNConv


def build(num_bases: int = 3) -> RGCNConv:
    torch.manual_seed(0)
    conv = RGCNConv(5, 2, NUM_RELATIONS, num_bases).double()
    with torch.no_grad():
        conv.own.bias.copy_(normal(2, seed=3))
    return conv


def loop(conv: RGCNConv, graph: dgl.DGLGraph, feat: Tensor, etype: Tensor) -> Tensor:
    """The formula, an edge at a time with the matrix of its relation."""
    bases = conv.bases.weight.view(conv.num_bases, conv.out_size, conv.in_size)
    out = torch.zeros(graph.num_nodes(), conv.out_size, dtype=torch.float64)
    degree = graph.in_degrees()
    for u, v, r in zip(*graph.edges(), etype, strict=True):
        matrix = sum(conv.coefficients[r, i] * bases[i] for i in range(conv.num_bases))
        out[v] += matrix @ feat[u] / degree[v]
    return out + feat @ conv.own.weight.T + conv.own.bias


@pytest.mark.parametrize("num_bases", [1, 3])
def test_equals_the_loop(num_bases: int) -> None:
    graph, etype = random_graph()
    conv, feat = build(num_bases), normal(9, 5)
    torch.testing.assert_close(conv(graph, feat, etype), loop(conv, graph, feat, etype), rtol=0, atol=1e-10)


def test_equals_the_convolution_of_dgl() -> None:
    graph, etype = random_graph()
    conv, feat = build(), normal(9, 5)
    other = dgl.nn.RelGraphConv(5, 2, NUM_RELATIONS, "basis", 3).double()
    with torch.no_grad():
        other.linear_r.W.copy_(conv.bases.weight.view(3, 2, 5).transpose(1, 2))
        other.linear_r.coeff.copy_(conv.coefficients)
        other.loop_weight.copy_(conv.own.weight.T)
        other.h_bias.copy_(conv.own.bias)
    norm = 1 / graph.in_degrees().double()[graph.edges()[1]][:, None]
    torch.testing.assert_close(conv(graph, feat, etype), other(graph, feat, etype, norm), rtol=0, atol=1e-10)


def test_gradcheck_and_every_parameter_gets_a_gradient() -> None:
    graph, etype = random_graph(num_nodes=5, num_edges=9)
    conv, feat = build(), normal(5, 5, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: conv(graph, x, etype), (feat,))
    conv(graph, feat, etype).square().sum().backward()
    assert all(parameter.grad.abs().max() > 1e-8 for parameter in conv.parameters())


def test_block_equals_full_graph() -> None:
    graph, etype = random_graph()
    conv, feat, seeds = build(), normal(9, 5), torch.tensor([5, 0, 3])
    _, _, (block,) = dgl.dataloading.MultiLayerFullNeighborSampler(1).sample_blocks(graph, seeds)
    found = conv(block, feat[block.srcdata[dgl.NID]], etype[block.edata[dgl.EID]])
    torch.testing.assert_close(found, conv(graph, feat, etype)[seeds], rtol=0, atol=1e-12)


def test_it_leaves_the_graph_as_it_was() -> None:
    graph, etype = random_graph()
    build()(graph, normal(9, 5), etype)
    assert not graph.ndata
    assert not graph.edata


def test_what_does_not_fit_is_named() -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match=r"source features have shape \(9, 4\)"):
        build()(graph, normal(9, 4), etype)
    assert repr(build()).startswith("RGCNConv(\n  in=5, out=2, bases=3")
