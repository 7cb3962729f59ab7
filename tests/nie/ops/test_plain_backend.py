"""nie.ops.plain_backend; its neighbour_sum is tested in test_neighbours.py."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph

from nie.dgl_compat import dgl
from nie.ops import dgl_backend, plain_backend


def graphs() -> list[tuple[dgl.DGLGraph, torch.Tensor]]:
    graph, etype = random_graph()
    _, _, (block,) = dgl.dataloading.NeighborSampler([2]).sample_blocks(graph, torch.tensor([7, 0, 4]))
    empty = dgl.graph(([], []), num_nodes=4)
    return [(graph, etype), (block, etype[block.edata[dgl.EID]]), (empty, torch.zeros(0, dtype=torch.int64))]


@pytest.mark.parametrize("place", range(3), ids=["graph", "block", "no edges"])
def test_the_relational_sum_in_plain_torch_equals_that_of_dgl(place: int) -> None:
    graph, etype = graphs()[place]
    value = normal(graph.num_src_nodes(), 2, 3, requires_grad=True)
    coefficient = normal(NUM_RELATIONS, 2, seed=1, requires_grad=True)
    weight = normal(graph.num_dst_nodes(), 3, seed=2)
    results = []
    for module in (plain_backend, dgl_backend):
        out = module.relational_sum(graph, value, coefficient, etype)
        results.append((out, *torch.autograd.grad((out * weight).sum(), (value, coefficient))))
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-12)
