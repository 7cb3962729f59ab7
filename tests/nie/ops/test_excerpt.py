"""nie.ops.excerpt and later_calls: a model on a few nodes computes for them what it does on the whole graph.

To `nie.ops.later_calls`, see what is asked for the first node alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from reference.graphs import NUM_RELATIONS, random_graph
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import GENI, SGC, ConvolutionalModel
from nie.ops import neighbour_sum
from nie.ops.excerpt import Excerpt, recording

SIZES = {"structural": 4}
NODES = 40
BUILD: dict[str, Callable[[], nn.Module]] = {
    **{
        kind: lambda kind=kind, further=further: ConvolutionalModel(
            kind, channel_sizes=SIZES, num_relations=NUM_RELATIONS, hidden_size=8, **further
        )
        for kind, further in {"gcn": {}, "graphsage": {}, "gat": {"num_heads": 2}, "rgcn": {"norm": "mean"}}.items()
    },
    "rgcn, free": lambda: ConvolutionalModel(
        "rgcn", channel_sizes=SIZES, num_relations=NUM_RELATIONS, hidden_size=8, num_bases=None
    ),
    "sgc": lambda: SGC(channel_sizes=SIZES, num_relations=NUM_RELATIONS),
    "geni": lambda: GENI(channel_sizes=SIZES, num_relations=NUM_RELATIONS),
}


def both_ways(num_edges: int = 60) -> tuple[dgl.DGLGraph, Tensor]:
    """A graph in which every edge has its inverse, and every node a loop."""
    graph, etype = random_graph(num_nodes=NODES, num_edges=num_edges)
    src, dst = graph.edges()
    loops = torch.arange(NODES)
    ends = torch.cat([src, dst, loops]), torch.cat([dst, src, loops])
    return dgl.graph(ends, num_nodes=NODES), torch.cat([etype, (etype + 1) % NUM_RELATIONS, torch.zeros_like(loops)])


def scores(model: Any, graph: dgl.DGLGraph, feats: Tensor, etype: Tensor) -> Tensor:
    found: Tensor = model(graph, {"structural": feats}, etype).score
    return found


@pytest.mark.parametrize("name", BUILD)
def test_scores_without_some_edges_of_a_node_equal_those_of_the_graph_without(name: str) -> None:
    torch.manual_seed(0)
    graph, etype = both_ways()
    model = BUILD[name]().eval()
    feats, node = torch.randn(NODES, 4), 7
    with recording(graph) as passed:
        whole = scores(model, graph, feats, etype)
    around = torch.cat([torch.tensor([node]), graph.in_edges(node)[0]]).unique()
    excerpt = Excerpt(graph, etype, around, passed)
    with excerpt.weighted(torch.ones(len(excerpt.edges))):
        found = scores(model, excerpt.graph, feats[around], excerpt.etype)
    torch.testing.assert_close(found, whole[around], rtol=0, atol=1e-5)

    src, dst = graph.edges()
    of_node = ((src == node) ^ (dst == node)).nonzero()[:, 0]
    src_dropped, dst_dropped = src[of_node[0]], dst[of_node[0]]
    gone = ((src == src_dropped) & (dst == dst_dropped)) | ((src == dst_dropped) & (dst == src_dropped))
    without = dgl.graph((src[~gone], dst[~gone]), num_nodes=NODES)
    expected = scores(model, without, feats, etype[~gone])[node]
    with excerpt.weighted((~gone[excerpt.edges]).float()):
        found = scores(model, excerpt.graph, feats[around], excerpt.etype)
    torch.testing.assert_close(found[(around == node).nonzero()[0, 0]], expected, rtol=0, atol=1e-5)
    assert (expected - whole[node]).abs().item() > 1e-4


def test_attention_of_the_edges_is_kept() -> None:
    torch.manual_seed(0)
    graph, etype = both_ways()
    model, feats = BUILD["gat"]().eval(), torch.randn(NODES, 4)
    with recording(graph) as passed:
        scores(model, graph, feats, etype)
    excerpt = Excerpt(graph, etype, torch.tensor([3, 5]), passed)
    with excerpt.weighted(torch.ones(len(excerpt.edges))):
        scores(model, excerpt.graph, feats[[3, 5]], excerpt.etype)
    assert [weights.shape for weights in excerpt.attention] == [(len(excerpt.edges), 2)] * 2
    for weights in excerpt.attention:
        totals = torch.zeros(2, 2).index_add(0, excerpt.targets, weights)
        torch.testing.assert_close(totals, torch.ones(2, 2))


def test_nothing_is_kept_outside_a_recording_and_other_operations_are_refused() -> None:
    graph, etype = both_ways()
    value = torch.randn(NODES, 2)
    with recording(graph) as passed:
        neighbour_sum(graph, value)
    neighbour_sum(graph, value)
    assert [one.name for one in passed] == ["neighbour_sum"]
    excerpt = Excerpt(graph, etype, torch.tensor([3]), passed)
    with (
        pytest.raises(NieError, match="the same operations in the same order"),
        excerpt.weighted(torch.ones(len(excerpt.edges))),
    ):
        neighbour_sum(excerpt.graph, neighbour_sum(excerpt.graph, value[[3]]))
    assert neighbour_sum(excerpt.graph, value[[3]]).shape == (1, 2)  # outside, it is a graph like any other


@pytest.mark.parametrize("name", BUILD)
def test_what_is_asked_for_the_first_alone_is_the_same_with_its_derivatives(name: str) -> None:
    torch.manual_seed(0)
    graph, etype = both_ways()
    model, feats = BUILD[name]().eval(), torch.randn(NODES, 4)
    with recording(graph) as passed:
        scores(model, graph, feats, etype)
    around = torch.cat([torch.tensor([7]), graph.in_edges(7)[0]])
    around = torch.cat([around[:1], around[around != 7].unique()])
    excerpt, found = Excerpt(graph, etype, around, passed), []
    for first_alone in (False, True, True):  # the second run learns what the third leaves out
        inside = excerpt.targets == 0
        weight = torch.where(inside, 0.5, 1.0).requires_grad_()
        rows = feats[around].requires_grad_()
        with excerpt.weighted(weight, first_alone=first_alone):
            score = scores(model, excerpt.graph, rows, excerpt.etype)[0]
        slopes = torch.autograd.grad(score, [weight, rows])
        found.append((score.detach(), slopes[0][inside], slopes[1][0], *(one[inside] for one in excerpt.attention)))
    for again in found[1:]:
        torch.testing.assert_close(again, found[0], rtol=0, atol=1e-5)


def test_what_other_nodes_add_follows_the_weights_of_their_edges() -> None:
    graph, value = dgl.graph(([0, 1, 2], [1, 2, 3])), torch.tensor([[1.0], [10.0], [100.0], [1000.0]])
    with recording(graph) as passed:
        neighbour_sum(graph, value)
    excerpt = Excerpt(graph, torch.zeros(3, dtype=torch.int64), torch.tensor([3, 2]), passed)
    for weight in (1.0, 0.5, 0.0):
        with excerpt.weighted(torch.tensor([1.0, weight])):
            assert neighbour_sum(excerpt.graph, value[[3, 2]]).flatten().tolist() == [100.0, 10.0 * weight]
