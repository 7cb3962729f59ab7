"""nie.ops.prepared."""

from __future__ import annotations

import gc

import torch
from reference.graphs import large_graph

from nie.dgl_compat import dgl
from nie.ops import prepared as preparation
from nie.ops.prepared import prepare


def test_chunks_cover_every_row_once_and_share_the_edges() -> None:
    graph, _ = large_graph()
    prepared = prepare(graph)
    for chunks, (offsets, *_rest) in (
        (prepared.dst_chunks, prepared.by_dst),
        (prepared.src_chunks, prepared.by_src),
    ):
        assert len(chunks) == 4
        assert [first for first, _ in chunks] == [0, *(last for _, last in chunks[:-1])]
        assert chunks[-1][1] == 3000
        assert max(offsets[last] - offsets[first] for first, last in chunks) < 90_000 / 4 + 9_100


def test_a_graph_is_prepared_once_and_forgotten_with_it() -> None:
    graph, _ = large_graph()
    assert prepare(graph) is prepare(graph)
    known = len(preparation._PREPARED)
    del graph
    gc.collect()
    assert len(preparation._PREPARED) == known - 1


def test_both_directions_name_the_same_edges() -> None:
    graph, _ = large_graph()
    prepared = prepare(graph)
    offsets, sources, ids = prepared.by_dst
    src, dst = graph.edges(order="eid")
    assert torch.equal(torch.from_numpy(sources).long(), src[ids])
    rows = torch.repeat_interleave(torch.arange(3000), torch.from_numpy(offsets).diff())
    assert torch.equal(rows, dst[ids])
    out_offsets, destinations, position = prepared.by_src
    assert torch.equal(torch.from_numpy(destinations).long(), rows[torch.from_numpy(position).long()])
    out_rows = torch.repeat_interleave(torch.arange(3000), torch.from_numpy(out_offsets).diff())
    assert torch.equal(out_rows, torch.from_numpy(sources).long()[torch.from_numpy(position).long()])


def test_a_graph_that_is_changed_in_place_is_prepared_again() -> None:
    graph = dgl.graph(([0, 1, 2], [1, 2, 0]), num_nodes=4)
    first = prepare(graph)
    graph.remove_edges([0])
    graph.add_edges([2], [3])
    second = prepare(graph)
    assert second is not first
    assert second.by_dst[0].tolist() == [0, 1, 1, 2, 3]
