"""nie.ops.edge_index."""

from __future__ import annotations

import functools
import gc
import weakref

import pytest
import torch
from reference.backends import use_backend
from reference.graphs import large_graph, random_graph
from reference.operations import CALLS, call

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import edge_index as preparation
from nie.ops.edge_index import prepare, relation_span


def test_chunks_cover_every_row_once_and_share_the_edges() -> None:
    graph, _ = large_graph()
    prepared = prepare(graph)
    for chunks, rows in ((prepared.dst_chunks, prepared.by_dst), (prepared.src_chunks(64), prepared.by_src)):
        assert len(chunks) == 9
        assert [first for first, _ in chunks] == [0, *(last for _, last in chunks[:-1])]
        assert chunks[-1][1] == 3000
        assert max(int(rows.offsets[last] - rows.offsets[first]) for first, last in chunks) < 90_000 / 9 + 9_100
    assert len(prepared.src_chunks(2)) == 2


def test_a_graph_is_prepared_once_and_forgotten_with_it() -> None:
    graph, etype = large_graph()
    assert prepare(graph) is prepare(graph)
    assert prepare(graph).relations(etype) is prepare(graph).relations(etype)
    known = len(preparation._PREPARED)
    del graph
    gc.collect()
    assert len(preparation._PREPARED) == known - 1


def test_what_was_prepared_goes_with_its_graph_at_once() -> None:
    graph, etype = random_graph()
    kept = weakref.ref(prepare(graph))
    prepare(graph).relations(etype)
    gc.disable()
    try:
        del graph
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("make", [large_graph, random_graph])
def test_both_directions_name_the_same_edges(make) -> None:  # type: ignore[no-untyped-def]
    graph, etype = make()
    prepared = prepare(graph)
    src, dst = graph.edges(order="eid")
    for rows, relations, own, other in (
        (prepared.by_dst, prepared.relations(etype).by_dst, dst, src),
        (prepared.by_src, prepared.relations(etype).by_src, src, dst),
    ):
        ids = rows.ids.long()
        assert torch.equal(ids.sort().values, torch.arange(graph.num_edges()))
        assert torch.equal(rows.ends.long(), other[ids])
        assert torch.equal(torch.repeat_interleave(torch.arange(graph.num_nodes()), rows.offsets.diff()), own[ids])
        assert torch.equal(relations.long(), etype[ids])
    assert torch.equal(prepared.by_src.ids[prepared.to_src.long()], prepared.by_dst.ids)


def test_blocks_have_fewer_destinations_than_sources() -> None:
    graph, _ = random_graph()
    block = dgl.to_block(dgl.in_subgraph(graph, [5, 3]), [5, 3])
    prepared = prepare(block)
    assert len(prepared.by_dst.offsets) == 3
    assert len(prepared.by_src.offsets) == block.num_src_nodes() + 1


def test_a_graph_that_is_changed_in_place_is_prepared_again() -> None:
    graph = dgl.graph(([0, 1, 2], [1, 2, 0]), num_nodes=4)
    first = prepare(graph)
    graph.remove_edges([0])
    graph.add_edges([2], [3])
    second = prepare(graph)
    assert second is not first
    assert second.by_dst.offsets.tolist() == [0, 1, 1, 2, 3]


@pytest.mark.parametrize("id_type", [torch.int32, torch.int64])
def test_relations_that_are_changed_in_place_are_read_again(id_type: torch.dtype) -> None:
    graph, etype = random_graph()
    etype = etype.to(id_type)
    before = prepare(graph).relations(etype)
    assert relation_span(etype) == (0, 3)
    old = etype.clone()
    etype += 1
    assert relation_span(etype) == (1, 4)
    assert torch.equal(prepare(graph).relations(etype).by_src, before.by_src + 1)
    assert torch.equal(before.by_dst.long(), old[prepare(graph).by_dst.ids.long()].long())


def test_relations_made_in_inference_mode_are_read_every_time() -> None:
    graph, _ = random_graph()
    with torch.inference_mode():
        etype = torch.zeros(graph.num_edges(), dtype=torch.int64)
        assert prepare(graph).relations(etype).by_dst.sum() == 0
        etype += 2
        assert relation_span(etype) == (2, 2)
        assert prepare(graph).relations(etype).by_dst.min() == 2


@pytest.mark.parametrize("backend", ["dgl", "numba"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_training_after_inference(name: str, weighted: bool, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(backend, monkeypatch)
    graph, etype = random_graph()
    weight = torch.ones(graph.num_edges(), dtype=torch.float64) if weighted else None
    with torch.inference_mode():
        before = call(name, graph, etype, weight)
    found = call(name, graph, etype, weight)
    assert torch.equal(found, before)
    for create_graph in (False, True):  # by the backend and in torch's own operators
        torch.autograd.grad(found.sum(), CALLS[name][1], create_graph=create_graph, retain_graph=True)


def test_nothing_that_is_kept_was_made_in_inference_mode() -> None:
    graph, etype = random_graph()
    with torch.inference_mode():
        prepared = prepare(graph)
        relations = prepared.relations(etype)
        for owner in (prepared, relations):
            for name, kept in vars(type(owner)).items():
                if isinstance(kept, functools.cached_property):
                    getattr(owner, name)
    tensors = [
        tensor
        for owner in (prepared, relations)
        for kept in vars(owner).values()
        for tensor in (kept if isinstance(kept, tuple) else [kept])
        if isinstance(tensor, torch.Tensor)
    ]
    assert len(tensors) > 10
    assert not any(tensor.is_inference() for tensor in tensors)


def test_a_graph_restricted_to_other_formats_is_refused_in_one_sentence() -> None:
    graph = dgl.graph(([0, 1], [1, 2])).formats("coo")
    with pytest.raises(NieError, match=r"restricted to \['coo'\].*formats\('csc'\)"):
        prepare(graph)


def test_edges_by_relation() -> None:
    graph, etype = random_graph()
    offsets, destinations, ids = prepare(graph).relations(etype).rows
    assert torch.equal(offsets.diff().long(), torch.bincount(etype))
    assert torch.equal(ids.sort().values.long(), torch.arange(graph.num_edges()))
    assert torch.equal(etype[ids.long()], etype.sort().values)
    assert torch.equal(destinations.long(), graph.edges()[1][ids.long()])


@pytest.mark.parametrize("shared", ["from numpy", "to numpy"])
def test_a_write_to_the_array_beneath_is_noticed(shared: str) -> None:
    graph, etype = random_graph()
    array = etype.numpy().copy() if shared == "from numpy" else etype.numpy()
    etype = torch.from_numpy(array) if shared == "from numpy" else etype
    before = prepare(graph).relations(etype)
    assert prepare(graph).relations(etype) is before
    assert relation_span(etype) == (0, 3)
    array += 1
    assert relation_span(etype) == (1, 4)
    assert torch.equal(prepare(graph).relations(etype).by_src, before.by_src + 1)
