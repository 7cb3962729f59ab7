"""Weights of edges in every operation, against graphs without the edges that weigh nothing."""

from __future__ import annotations

import pytest
import torch
from reference.backends import use_backend
from reference.graphs import normal, random_graph
from reference.operations import CALLS, HEADS, NODES, call, slopes
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import additive_attention, plain_backend
from nie.ops.degrees import in_degree, out_degree


@pytest.fixture(params=["dgl", "numba"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test of this file runs once on each backend; that of dgl leaves attention to torch's own operators."""
    return use_backend(request.param, monkeypatch)


@pytest.mark.parametrize("name", CALLS)
def test_an_edge_of_weight_0_is_removed_and_one_of_weight_1_as_it_is(name: str) -> None:
    graph, etype = random_graph()
    there = torch.rand(graph.num_edges(), generator=torch.Generator().manual_seed(3)) < 0.6
    there[graph.in_edges(4, form="eid")] = False  # a node that loses all its in-edges
    src, dst = graph.edges()
    without = dgl.graph((src[there], dst[there]), num_nodes=NODES)
    found, expected = call(name, graph, etype, there.double()), call(name, without, etype[there])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(slopes(name, found), slopes(name, expected), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", CALLS)
def test_weights_between_equal_torchs_own_operators(name: str) -> None:
    graph, etype = random_graph()
    weight = torch.rand(graph.num_edges(), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    weight[::5] = 0
    weight[1::5] *= -1
    weight[graph.in_edges(4, form="eid")] = 0  # a node of which no in-edge is left
    one, other = weight.clone().requires_grad_(), weight.clone().requires_grad_()
    found, expected = call(name, graph, etype, one), by_torch(name, graph, etype, other)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(slopes(name, found, one), slopes(name, expected, other), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["additive", "additive, plain", "mul", "add", "gate", "dot"])
def test_where_attention_has_lost_all_in_edges_their_weights_have_no_derivative(name: str) -> None:
    graph, etype = random_graph()
    weight = torch.ones(graph.num_edges(), dtype=torch.float64)
    lost = graph.in_edges(4, form="eid")
    weight[lost] = 0
    out = call(name, graph, etype, weight.requires_grad_())
    loss = (out * normal(*out.shape, seed=7)).sum()
    for create_graph in (False, True):
        (slope,) = torch.autograd.grad(loss, weight, create_graph=create_graph, retain_graph=True)
        assert (slope[lost] == 0).all()
        assert slope.abs().sum() > 0


@pytest.mark.parametrize("name", CALLS)
def test_a_weight_that_is_no_number_shows_at_its_node(name: str) -> None:
    graph, etype = random_graph()
    weight = torch.ones(graph.num_edges(), dtype=torch.float64)
    weight[0] = torch.nan
    broken = call(name, graph, etype, weight).flatten(1).isnan().any(dim=1)
    assert broken.nonzero().flatten().tolist() == [int(graph.edges()[1][0])]


def by_torch(name: str, graph: dgl.DGLGraph, etype: Tensor, weight: Tensor) -> Tensor:
    inputs = [*CALLS[name][1]]
    if name.startswith("additive"):
        relations = inputs[3] if len(inputs) > 3 else None
        kinds = etype if len(inputs) > 3 else None
        return plain_backend.additive_attention(graph, *inputs[:3], relations, kinds, 0.01, 0.0, 0, False, weight)[0]
    if name in ("mul", "add", "gate", "dot"):
        relation = inputs[3].sigmoid() if name == "gate" else inputs[3]
        mode = "mul" if name == "gate" else name
        return plain_backend.dot_attention(graph, *inputs[:3], relation, etype, mode, 0.0, 0, False, weight)[0]
    if name == "sum":
        return plain_backend.neighbour_sum(graph, *inputs, weight)
    kind = plain_backend.relational_sum if name == "relational sum" else plain_backend.relational_product
    return kind(graph, *inputs, etype, weight)


@pytest.mark.parametrize("name", CALLS)
def test_gradcheck_of_weights(name: str) -> None:
    graph, etype = random_graph()
    weight = torch.rand(graph.num_edges(), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert torch.autograd.gradcheck(lambda weight: call(name, graph, etype, weight), weight.requires_grad_())


@pytest.mark.parametrize("name", ["additive", "mul"])
def test_returned_attention_is_weighted_and_differentiable(name: str) -> None:
    graph, etype = random_graph()
    weight = torch.rand(graph.num_edges(), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    weight[2] = 0
    attention = call(name, graph, etype, weight, return_attention=True).weights
    assert (attention[2] == 0).all()
    totals = torch.zeros(NODES, HEADS, dtype=torch.float64).index_add(0, graph.edges()[1], attention)
    torch.testing.assert_close(totals[2:], torch.ones_like(totals[2:]))

    def weights(given: Tensor) -> Tensor:
        found: Tensor = call(name, graph, etype, given, return_attention=True).weights
        return found

    assert torch.autograd.gradcheck(weights, (weight + 0.1).requires_grad_())


def test_a_removed_edge_of_a_far_larger_score_leaves_the_others() -> None:
    graph = dgl.graph(([0, 1], [2, 2]))
    value, score = torch.tensor([[[1.0]], [[3.0]], [[0.0]]]), torch.tensor([[500.0], [0.0], [0.0]])
    weight = torch.tensor([0.0, 1.0], requires_grad=True)
    out = additive_attention(graph, value, score, score, edge_weight=weight)
    assert out.flatten().tolist() == [0, 0, 3]
    (slope,) = torch.autograd.grad(out.sum(), weight)
    assert slope.isfinite().all()


def test_the_graph_can_bring_its_weights() -> None:
    graph, etype = random_graph()
    weight = torch.rand(graph.num_edges(), dtype=torch.float64)
    expected = call("mul", graph, etype, weight)
    graph.edata["edge_weight"] = weight
    assert torch.equal(call("mul", graph, etype), expected)
    like = torch.empty(0, dtype=torch.float64)
    by_end = [torch.zeros(NODES, dtype=torch.float64).index_add(0, end, weight) for end in graph.edges()]
    torch.testing.assert_close([out_degree(graph, like), in_degree(graph, like)], by_end)


def test_weights_that_do_not_fit_are_refused() -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match=r"for each of the 30 edges; got torch\.int64"):
        call("sum", graph, etype, torch.ones(30, dtype=torch.int64))
    with pytest.raises(NieError, match=r"each of the 30 edges; got torch\.float64 of shape \(29,\)"):
        call("sum", graph, etype, torch.ones(29, dtype=torch.float64))
    with pytest.raises(NieError, match="The backend 'dgl' has no edge weights; leave backend out, or use 'numba'"):
        call("mul", graph, etype, torch.ones(30, dtype=torch.float64), backend="dgl")
