"""nie.layers.graph_conv."""

from __future__ import annotations

import pytest
import torch
from reference.convolutions import check_bits
from reference.graphs import normal, random_graph
from reference.resets import check_reset

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import GraphConv


def test_a_seed_gives_the_bits_of_dgl() -> None:
    check_bits(GraphConv, lambda i, o: dgl.nn.GraphConv(i, o, allow_zero_in_degree=True))


def test_reset_parameters_sets_everything_and_sizes_are_checked() -> None:
    graph, _ = random_graph()
    layer, fresh = GraphConv(4, 3), GraphConv(4, 3)
    check_reset(layer, fresh)
    with pytest.raises(NieError, match=r"need \(9, 4\)"):
        layer(graph, normal(9, 5).float())


def test_a_sum_over_a_sample_is_scaled_to_all_in_edges() -> None:
    graph = dgl.graph(([0, 1, 2, 3], [4, 4, 4, 4]))
    layer, feat = GraphConv(2, 2), torch.ones(5, 2)  # equal neighbours: every sample of them has the same mean
    expected = layer(graph, feat)[4]
    nodes, _, (block,) = dgl.dataloading.NeighborSampler([2]).sample_blocks(graph, torch.tensor([4]))
    degrees = graph.out_degrees(nodes), graph.in_degrees(torch.tensor([4]))
    torch.testing.assert_close(layer(block, feat[nodes], *degrees)[0], expected)
