"""nie.training.drawn_edges, and nie.training.neighbourhood with it."""

from __future__ import annotations

import pytest
import torch

from nie.data import MessageGraph, message_graph, synthetic
from nie.dgl_compat import dgl
from nie.settings.sections import BatchConfig
from nie.training.drawn_edges import drawn_edges
from nie.training.neighbourhood import NeighbourSampler

STAR = dgl.graph((torch.arange(1, 11), torch.zeros(10, dtype=torch.long)))
CENTRE = torch.tensor([0])


@pytest.fixture(scope="module")
def message() -> MessageGraph:
    return message_graph(synthetic(0), inverse_relations=True)


@pytest.mark.parametrize("fanout", [1, 4, 20])
def test_each_relation_of_a_node_is_drawn(message: MessageGraph, fanout: int) -> None:
    nodes = torch.arange(50)
    drawn = drawn_edges(message.graph, nodes, fanout, torch.Generator(), etype=message.etype)
    assert len(drawn.unique()) == len(drawn)
    _, targets = message.graph.find_edges(drawn)
    for node in nodes:
        every, own = message.graph.in_edges(node, form="eid"), drawn[targets == node]
        kinds = message.etype[every].unique()
        assert torch.equal(message.etype[own].unique(), kinds)
        assert len(own) == min(max(fanout, len(kinds)), len(every))


def test_the_first_edge_comes_by_weight() -> None:
    generator, weight = torch.Generator().manual_seed(0), torch.ones(11)
    weight[3] = 9.0  # of 18 in all
    drawn = torch.cat([drawn_edges(STAR, CENTRE, 1, generator, weight=weight) for _ in range(2000)])
    counts = torch.bincount(drawn, minlength=10) / 2000
    assert abs(counts[2] - 0.5) < 0.05
    assert abs(counts[0] - 1 / 18) < 0.025


def test_equal_edges_are_equally_likely() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([drawn_edges(STAR, CENTRE, 3, generator) for _ in range(2000)])
    assert (torch.bincount(drawn, minlength=10) / 2000 - 0.3).abs().max() < 0.05


@pytest.mark.parametrize("kind", ["relation", "importance"])
def test_a_sampler_of_any_kind_gives_blocks_of_the_graphs_own_edges(kind: str, message: MessageGraph) -> None:
    found = NeighbourSampler(message, [2, 2], kind).sample(torch.arange(10), torch.Generator())
    again = NeighbourSampler(message, [2, 2], kind).sample(torch.arange(10), torch.Generator())
    assert torch.equal(found.nodes, again.nodes)
    assert torch.equal(found.nodes[:10], torch.arange(10))
    for block, etype in zip(found.blocks, found.etypes, strict=True):
        edges = block.edata[dgl.EID]
        ends = [
            side[place]
            for side, place in zip((block.srcdata[dgl.NID], block.dstdata[dgl.NID]), block.edges(), strict=True)
        ]
        assert all(map(torch.equal, ends, message.graph.find_edges(edges)))
        assert torch.equal(etype, message.etype[edges])
        if kind == "importance":
            assert block.in_degrees().max() <= 2
    assert found.blocks[0].num_dst_nodes() == found.blocks[1].num_src_nodes()


def test_no_edges_give_none() -> None:
    none = drawn_edges(
        dgl.graph(([], []), num_nodes=3), torch.arange(3), 2, torch.Generator(), etype=torch.empty(0, dtype=torch.long)
    )
    assert len(none) == 0


def test_a_sampler_without_a_fanout_is_refused() -> None:
    with pytest.raises(ValueError, match="give a fanout"):
        BatchConfig(size=10, sampler="relation")
