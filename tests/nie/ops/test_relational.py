"""nie.ops.relational on every backend that has it, against loops over the edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from reference.backends import use_backend
from reference.graphs import NUM_RELATIONS, large_graph, normal, random_graph
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import relational_product, relational_sum


@pytest.fixture(params=["dgl", "numba"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test of this file runs once on each backend."""
    return use_backend(request.param, monkeypatch)


def loop(graph: dgl.DGLGraph, value: Tensor, coefficient: Tensor, etype: Tensor) -> Tensor:
    rows = [torch.zeros(value.shape[2], dtype=value.dtype) for _ in range(graph.num_dst_nodes())]
    for u, v, r in zip(*graph.edges(), etype, strict=True):
        rows[v] = rows[v] + coefficient[r] @ value[u]
    return torch.stack(rows)


@pytest.mark.parametrize(("bases", "size"), [(1, 1), (3, 4), (4, 64), (2, 131), (2, 260)])
def test_values_and_gradients_equal_the_loop(bases: int, size: int) -> None:
    graph, etype = random_graph()  # has nodes without in-edges and parallel edges
    value = normal(graph.num_nodes(), bases, size, requires_grad=True)
    coefficient = normal(NUM_RELATIONS, bases, seed=2, requires_grad=True)
    check_alike((relational_sum, loop), graph, value, coefficient, etype)


def check_alike(
    calls: Sequence[Callable[..., Tensor]], graph: dgl.DGLGraph, one: Tensor, other: Tensor, etype: Tensor
) -> None:
    """Check that two calls give the same values and gradients."""
    made = [call(graph, one, other, etype) for call in calls]
    torch.testing.assert_close(*made, rtol=0, atol=1e-10)
    factor = normal(*made[0].shape, seed=3)
    found = [torch.autograd.grad((each * factor).sum(), (one, other)) for each in made]
    torch.testing.assert_close(*found, rtol=0, atol=1e-10)


def test_gradcheck() -> None:
    graph, etype = random_graph(num_nodes=5, num_edges=9)
    inputs = normal(5, 2, 3, requires_grad=True), normal(NUM_RELATIONS, 2, seed=2, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value, a: relational_sum(graph, value, a, etype), inputs)


def test_order_of_edges_does_not_matter() -> None:
    graph, etype = random_graph()
    order = torch.randperm(graph.num_edges(), generator=torch.Generator().manual_seed(0))
    src, dst = graph.edges()
    turned = dgl.graph((src[order], dst[order]), num_nodes=graph.num_nodes())
    value, coefficient = normal(graph.num_nodes(), 2, 3), normal(NUM_RELATIONS, 2, seed=2)
    expected = relational_sum(graph, value, coefficient, etype)
    torch.testing.assert_close(relational_sum(turned, value, coefficient, etype[order]), expected, rtol=0, atol=1e-12)


def test_block_equals_full_graph() -> None:
    graph, etype = random_graph()
    value, coefficient, seeds = normal(9, 2, 3), normal(NUM_RELATIONS, 2, seed=2), torch.tensor([5, 0, 3])
    _, _, (block,) = dgl.dataloading.MultiLayerFullNeighborSampler(1).sample_blocks(graph, seeds)
    found = relational_sum(block, value[block.srcdata[dgl.NID]], coefficient, etype[block.edata[dgl.EID]])
    torch.testing.assert_close(found, relational_sum(graph, value, coefficient, etype)[seeds], rtol=0, atol=1e-12)


def test_graph_without_edges_gives_zeros() -> None:
    graph = dgl.graph(([], []), num_nodes=3)
    out = relational_sum(graph, normal(3, 2, 4), normal(1, 2, seed=2), torch.zeros(0, dtype=torch.int64))
    assert out.tolist() == [[0.0] * 4] * 3


def test_threads_change_no_bit(backend: str) -> None:
    graph, etype = large_graph()
    value = normal(graph.num_nodes(), 4, 16).float().requires_grad_()
    coefficient = normal(5, 4, seed=2).float().requires_grad_()
    expected = relational_sum(graph, value.double(), coefficient.double(), etype)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            out = relational_sum(graph, value, coefficient, etype)
            found.append((out, *torch.autograd.grad(out.square().sum(), (value, coefficient))))
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-3)
    if backend == "numba":
        assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_what_does_not_fit_is_named() -> None:
    graph, etype = random_graph()
    value = normal(9, 2, 3)
    with pytest.raises(NieError, match=r"coefficient has shape \(5, 3\), but this graph needs \(any, 2\)"):
        relational_sum(graph, value, normal(5, 3), etype)
    with pytest.raises(NieError, match="etype must be between 0 and 0"):
        relational_sum(graph, value, normal(1, 2), etype)
    with pytest.raises(NieError, match=r"value has shape \(8, 2, 3\)"):
        relational_sum(graph, normal(8, 2, 3), normal(5, 2), etype)


def product_loop(graph: dgl.DGLGraph, feat: Tensor, weight: Tensor, etype: Tensor) -> Tensor:
    rows = [torch.zeros(weight.shape[2], dtype=feat.dtype) for _ in range(graph.num_dst_nodes())]
    for u, v, r in zip(*graph.edges(), etype, strict=True):
        rows[v] = rows[v] + feat[u] @ weight[r]
    return torch.stack(rows)


@pytest.mark.parametrize("num_relations", [NUM_RELATIONS, NUM_RELATIONS + 2])  # the last two have no edge
def test_products_and_their_gradients_equal_the_loop(num_relations: int) -> None:
    graph, etype = random_graph()
    feat = normal(graph.num_nodes(), 3, requires_grad=True)
    weight = normal(num_relations, 3, 4, seed=2, requires_grad=True)
    check_alike((relational_product, product_loop), graph, feat, weight, etype)


def test_gradients_of_products_are_differentiated_too() -> None:
    graph, etype = random_graph(num_nodes=5, num_edges=9)
    inputs = normal(5, 2, requires_grad=True), normal(NUM_RELATIONS, 2, 3, seed=2, requires_grad=True)
    assert torch.autograd.gradcheck(lambda feat, w: relational_product(graph, feat, w, etype), inputs)
    assert torch.autograd.gradgradcheck(lambda feat, w: relational_product(graph, feat, w, etype), inputs)


def test_a_block_and_a_graph_without_edges_have_products_too() -> None:
    graph, etype = random_graph()
    feat, weight, seeds = normal(9, 3), normal(NUM_RELATIONS, 3, 2, seed=2), torch.tensor([5, 0, 3])
    _, _, (block,) = dgl.dataloading.MultiLayerFullNeighborSampler(1).sample_blocks(graph, seeds)
    found = relational_product(block, feat[block.srcdata[dgl.NID]], weight, etype[block.edata[dgl.EID]])
    torch.testing.assert_close(found, relational_product(graph, feat, weight, etype)[seeds], rtol=0, atol=1e-12)
    empty = dgl.graph(([], []), num_nodes=3)
    assert relational_product(empty, feat[:3], weight, etype[:0]).tolist() == [[0.0, 0.0]] * 3


def test_products_in_half_precision_are_summed_in_single() -> None:
    graph, etype = random_graph()
    feat, weight = normal(9, 3), normal(NUM_RELATIONS, 3, 2, seed=2)
    found = relational_product(graph, feat.half(), weight.half(), etype, backend="dgl")
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.double(), relational_product(graph, feat, weight, etype), rtol=1e-2, atol=1e-2)


def test_what_does_not_fit_a_product_is_named() -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match=r"weight has shape \(5, 4, 2\), but this graph needs \(any, 3, any\)"):
        relational_product(graph, normal(9, 3), normal(5, 4, 2), etype)
    with pytest.raises(NieError, match=r"feat has shape \(8, 3\)"):
        relational_product(graph, normal(8, 3), normal(5, 3, 2), etype)


@pytest.mark.cuda
def test_products_on_cuda_are_those_of_the_cpu_and_the_same_bits_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIE_OPS_BACKEND")
    graph, etype = large_graph()
    results = []
    for device in ("cpu", "cuda", "cuda"):
        feat = normal(graph.num_nodes(), 8).to(device).requires_grad_()
        weight = normal(5, 8, 4, seed=2).to(device).requires_grad_()
        out = relational_product(graph, feat, weight, etype.to(device))
        results.append([each.cpu() for each in (out, *torch.autograd.grad(out.square().sum(), (feat, weight)))])
    torch.testing.assert_close(results[1], results[0], rtol=1e-9, atol=1e-9)
    assert all(torch.equal(one, two) for one, two in zip(results[1], results[2], strict=True))
