"""nie.ops.neighbours, and the sum in plain torch that stands in for it on CUDA."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from reference.graphs import normal, random_graph
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import dgl_backend, neighbour_sum, plain_backend


def graphs() -> list[tuple[dgl.DGLGraph, Tensor]]:
    graph, etype = random_graph()
    _, _, (block,) = dgl.dataloading.NeighborSampler([2]).sample_blocks(graph, torch.tensor([7, 0, 4]))
    empty = dgl.graph(([], []), num_nodes=4)
    return [(graph, etype), (block, etype[block.edata[dgl.EID]]), (empty, torch.zeros(0, dtype=torch.int64))]


@pytest.mark.parametrize("place", range(3), ids=["graph", "block", "no edges"])
@pytest.mark.parametrize("call", [neighbour_sum, plain_backend.neighbour_sum, dgl_backend.neighbour_sum])
def test_values_and_gradients_equal_the_loop(call: Callable[..., Tensor], place: int) -> None:
    graph, _ = graphs()[place]
    value = normal(graph.num_src_nodes(), 3, requires_grad=True)
    expected = torch.zeros(graph.num_dst_nodes(), 3, dtype=torch.float64)
    for src, dst in zip(*(ends.tolist() for ends in graph.edges()), strict=True):
        expected[dst] = expected[dst] + value[src]
    found, weight = call(graph, value), normal(*expected.shape, seed=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    grads = [
        torch.autograd.grad((out * weight).sum(), value, allow_unused=True)[0]
        for out in (found, expected + 0 * value.sum())
    ]
    torch.testing.assert_close(grads[0], grads[1], rtol=0, atol=1e-12)


@pytest.mark.cuda
def test_on_cuda_it_gives_what_the_cpu_does_and_the_same_bits_every_time() -> None:
    graph, _ = random_graph(num_nodes=500, num_edges=20_000)
    value = normal(500, 8)
    found = [neighbour_sum(graph, value.cuda()) for _ in range(5)]
    torch.testing.assert_close(found[0].cpu(), neighbour_sum(graph, value), rtol=0, atol=1e-10)
    assert all(torch.equal(one, found[0]) for one in found)


def test_values_that_do_not_fit_are_refused() -> None:
    graph, _ = random_graph()
    with pytest.raises(NieError, match=r"value has shape \(8, 3\)"):
        neighbour_sum(graph, normal(8, 3))
