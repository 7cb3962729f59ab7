"""nie.layers.global_attention and nie.ops.all_nodes."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import normal, random_graph
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import GlobalAttention
from nie.layers.graph_layer import in_chunks
from nie.ops.excerpt import Excerpt, recording


def all_pairs(layer: GlobalAttention, feat: Tensor) -> Tensor:
    """Every node against every node, one at a time."""

    def positive(value: Tensor) -> Tensor:
        return torch.where(value > 0, value + 1, value.exp())

    heads = []
    for query, key, value in zip(
        *(
            torch.chunk(feat @ project.weight.T, layer.num_heads, dim=1)
            for project in (layer.query, layer.key, layer.value)
        ),
        strict=True,
    ):
        weights = torch.stack([torch.stack([positive(q) @ positive(k) for k in key]) for q in query])
        heads.append(weights / weights.sum(1, keepdim=True) @ value)
    return torch.stack(heads, dim=1)


def test_equals_all_pairs_whatever_the_edges_are() -> None:
    graph, _ = random_graph()
    layer, feat = GlobalAttention(5, 4, 2).double(), normal(graph.num_nodes(), 5)
    made = layer(graph, feat)
    torch.testing.assert_close(made, all_pairs(layer, feat), rtol=0, atol=1e-12)
    torch.testing.assert_close(layer(dgl.graph(([], []), num_nodes=len(feat)), feat), made, rtol=0, atol=0)
    with torch.no_grad(), in_chunks(16):
        torch.testing.assert_close(layer(graph, feat), made, rtol=0, atol=1e-12)


def test_every_parameter_gets_a_gradient() -> None:
    graph, _ = random_graph()
    layer = GlobalAttention(5, 4, 2).double()
    made = layer(graph, normal(graph.num_nodes(), 5))
    (made * normal(*made.shape, seed=2)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_on_an_excerpt_the_sums_are_those_of_the_whole_graph() -> None:
    graph, etype = random_graph()
    layer, feat, few = GlobalAttention(5, 4, 2).double(), normal(graph.num_nodes(), 5), torch.tensor([3, 1])
    with recording(graph) as passed:
        whole = layer(graph, feat)
    excerpt = Excerpt(graph, etype, few, passed)
    with excerpt.weighted(torch.ones(len(excerpt.edges), dtype=torch.float64)):
        torch.testing.assert_close(layer(excerpt.graph, feat[few]), whole[few])


def test_a_block_is_refused() -> None:
    graph, _ = random_graph()
    with pytest.raises(NieError, match=r"leave batch.size and memory out"):
        GlobalAttention(5, 4)(dgl.to_block(graph, torch.tensor([0])), torch.ones(3, 5))
