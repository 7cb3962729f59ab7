"""nie.layers.graph_conv."""

from __future__ import annotations

import functools

import pytest
import torch
from reference.convolutions import check_bits
from reference.graphs import normal, random_graph
from reference.resets import check_reset

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import GraphConv
from nie.vocabulary import GCNNorm


def test_a_seed_gives_the_bits_of_dgl() -> None:
    check_bits(GraphConv, lambda i, o: dgl.nn.GraphConv(i, o, allow_zero_in_degree=True))


def test_without_normalisation_a_seed_gives_the_bits_of_dgl() -> None:
    own, theirs = (functools.partial(conv, norm="none") for conv in (GraphConv, dgl.nn.GraphConv))
    check_bits(own, functools.partial(theirs, allow_zero_in_degree=True))


def test_reset_parameters_sets_everything_and_sizes_are_checked() -> None:
    graph, _ = random_graph()
    layer, fresh = GraphConv(4, 3), GraphConv(4, 3)
    check_reset(layer, fresh)
    with pytest.raises(NieError, match=r"need \(9, 4\)"):
        layer(graph, normal(9, 5).float())


@pytest.mark.parametrize("norm", ["symmetric", "none"])
def test_a_sum_over_a_sample_is_scaled_to_all_in_edges(norm: GCNNorm) -> None:
    graph = dgl.graph(([0, 1, 2, 3], [4, 4, 4, 4]))
    layer = GraphConv(2, 2, norm=norm)
    feat = torch.ones(5, 2)  # equal neighbours: every sample of them has the same mean
    expected = layer(graph, feat)[4]
    nodes, _, (block,) = dgl.dataloading.NeighborSampler([2]).sample_blocks(graph, torch.tensor([4]))
    degrees = graph.out_degrees(nodes), graph.in_degrees(torch.tensor([4]))
    torch.testing.assert_close(layer(block, feat[nodes], *degrees)[0], expected)
