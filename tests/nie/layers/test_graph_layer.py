"""nie.layers.graph_layer."""

from __future__ import annotations

import pytest
import torch

from nie.dgl_compat import dgl
from nie.layers import GraphConv, PreGATConv
from nie.layers.graph_layer import by_rows, in_chunks

GRAPH = dgl.graph((torch.arange(200) % 7, torch.arange(200) % 40), num_nodes=45)  # the last 5 have no in-edge


def chunks_of(layer: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many destinations each call of ``forward`` had, as they are made."""
    seen: list[int] = []
    forward = layer.forward

    def counted(graph: dgl.DGLGraph, *given: object, **named: object) -> torch.Tensor:
        seen.append(graph.num_dst_nodes())
        made: torch.Tensor = forward(graph, *given, **named)
        return made

    monkeypatch.setattr(layer, "forward", counted)
    return seen


def test_every_destination_is_in_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = GraphConv(3, 2)
    seen = chunks_of(layer, monkeypatch)
    with torch.no_grad(), in_chunks(90):
        layer(GRAPH, torch.ones(45, 3))
    assert len(seen) > 5
    assert sum(seen) == 45


def test_with_gradients_and_on_blocks_a_layer_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = GraphConv(3, 2)
    seen = chunks_of(layer, monkeypatch)
    block = dgl.to_block(GRAPH, GRAPH.nodes())
    with in_chunks(90):
        layer(GRAPH, torch.ones(45, 3))
        with torch.no_grad():
            layer(block, torch.ones(45, 3))
    with torch.no_grad():
        layer(GRAPH, torch.ones(45, 3))
    assert seen == [45, 45, 45]


def test_a_pair_of_features_and_the_weights_of_edges_reach_their_chunk() -> None:
    graph, layer = GRAPH.clone(), PreGATConv(3, 2, 4, 2)
    graph.edata["edge_weight"] = torch.rand(200)
    given = (torch.rand(45, 3), torch.rand(45, 3)), torch.rand(5, 4), torch.arange(200) % 5
    with torch.no_grad():
        whole = layer(graph, *given)
        with in_chunks(90):
            torch.testing.assert_close(layer(graph, *given), whole)


@pytest.mark.parametrize("values", [1, 10**9])
def test_a_chunk_may_be_one_node_or_all(values: int) -> None:
    layer = GraphConv(3, 2)
    with torch.no_grad(), in_chunks(values):
        found = layer(GRAPH, torch.ones(45, 3))
        none = layer(dgl.graph(([], []), num_nodes=0), torch.ones(0, 3))
        assert by_rows(torch.square, torch.empty(0, 3)).shape == (0, 3)
    torch.testing.assert_close(found, layer(GRAPH, torch.ones(45, 3)).detach())
    assert none.shape == (0, 2)
