"""nie.layers.rgcn_conv."""

from __future__ import annotations

import pytest
import torch
from reference.backends import use_backend
from reference.graphs import NUM_RELATIONS, normal, random_graph
from reference.resets import check_reset
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import RGCNConv
from nie.vocabulary import RGCNNorm


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


def of_dgl(conv: RGCNConv) -> dgl.nn.RelGraphConv:
    """DGL's convolution with a matrix for each relation, and the weights of ours."""
    other = dgl.nn.RelGraphConv(conv.in_size, conv.out_size, NUM_RELATIONS).double()
    with torch.no_grad():
        other.linear_r.W.copy_(conv.weight)
        other.loop_weight.copy_(conv.own.weight.T)
        other.h_bias.copy_(conv.own.bias)
    return other


def free(norm: RGCNNorm) -> RGCNConv:
    torch.manual_seed(0)
    conv = RGCNConv(5, 2, NUM_RELATIONS, None, norm=norm).double()
    with torch.no_grad():
        conv.own.bias.copy_(normal(2, seed=3))
    return conv


@pytest.mark.parametrize("backend", ["dgl", "numba"])
@pytest.mark.parametrize("norm", ["mean", "none"])
def test_a_matrix_for_each_relation_is_the_convolution_of_dgl_with_its_gradients_on_graph_and_block(
    backend: str, norm: RGCNNorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backend(backend, monkeypatch)
    graph, etype = random_graph()
    nodes, _, (block,) = dgl.dataloading.MultiLayerFullNeighborSampler(1).sample_blocks(graph, torch.tensor([5, 0, 3]))
    for given, rows, relations in ((graph, slice(None), etype), (block, nodes, etype[block.edata[dgl.EID]])):
        conv = free(norm)
        other = of_dgl(conv)
        degree = given.in_degrees().double()[given.edges()[1]]
        weight = 1 / degree[:, None] if norm == "mean" else None
        feats = [normal(9, 5, requires_grad=True) for _ in range(2)]
        found = conv(given, feats[0][rows], relations)
        expected = other(given, feats[1][rows], relations, weight)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
        for one in (found, expected):
            one.square().sum().backward()
        torch.testing.assert_close(feats[0].grad, feats[1].grad, rtol=0, atol=1e-10)
        torch.testing.assert_close(conv.weight.grad, other.linear_r.W.grad, rtol=0, atol=1e-10)
        torch.testing.assert_close(conv.own.weight.grad, other.loop_weight.grad.T, rtol=0, atol=1e-10)


def test_the_sum_of_messages_is_the_mean_times_the_degree() -> None:
    graph, etype = random_graph()
    feat, mean = normal(9, 5), build()
    total = RGCNConv(5, 2, NUM_RELATIONS, 3, norm="none").double()
    total.load_state_dict(mean.state_dict())
    own = mean.own(feat)
    degree = graph.in_degrees()[:, None]
    torch.testing.assert_close(total(graph, feat, etype) - own, (mean(graph, feat, etype) - own) * degree)


@pytest.mark.parametrize("num_bases", [3, None])
def test_a_sum_over_a_sample_is_scaled_to_all_in_edges(num_bases: int | None) -> None:
    graph = dgl.graph(([0, 1, 2, 3], [4, 4, 4, 4]))
    etype = torch.zeros(4, dtype=torch.int64)
    layer = RGCNConv(2, 2, 1, num_bases, norm="none")
    feat = torch.ones(5, 2)  # equal neighbours: every sample of them has the same mean
    nodes, _, (block,) = dgl.dataloading.NeighborSampler([2]).sample_blocks(graph, torch.tensor([4]))
    found = layer(block, feat[nodes], etype[:2], graph.in_degrees(torch.tensor([4])))
    torch.testing.assert_close(found[0], layer(graph, feat, etype)[4])


def test_free_matrices_are_reset_as_dgl_does() -> None:
    layer, fresh = RGCNConv(4, 3, 6, None), RGCNConv(4, 3, 6, None)
    check_reset(layer, fresh)
    assert 0.45 < fresh.weight.abs().max() <= 4**-0.5
