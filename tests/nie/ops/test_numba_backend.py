"""What only the fused CPU kernels promise; that they compute the same as DGL's is in test_attention.py."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from reference.graphs import normal

from nie import ops
from nie.dgl_compat import dgl

pytest.importorskip("numba", reason="numba is not installed: pip install 'nie[fast]'")

from nie.ops import numba_backend


@pytest.fixture(autouse=True)
def fused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIE_OPS_BACKEND", "numba")


def large_graph() -> tuple[dgl.DGLGraph, torch.Tensor]:
    """Enough edges for several chunks, and one destination that has a tenth of them."""
    generator = torch.Generator().manual_seed(0)
    src, dst = (torch.randint(0, 3000, (90_000,), generator=generator) for _ in range(2))
    dst[:9000] = 7
    return dgl.graph((src, dst), num_nodes=3000), torch.randint(0, 5, (90_000,), generator=generator)


@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_one_thread_and_two_give_the_same_bits(kind: str) -> None:
    graph, etype = large_graph()
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            value = normal(3000, 2, 3, seed=1).float().requires_grad_()
            rel = normal(5, 2, seed=2).float().requires_grad_()
            if kind == "dot":
                out = ops.dot_attention(graph, value, value, value, rel, etype)
            else:
                out = ops.additive_attention(graph, value, value[..., 0], value[..., 1], rel, etype)
            out.square().sum().backward()
            results.append((out.detach(), value.grad, rel.grad))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


def test_chunks_cover_every_row_once_and_share_the_edges() -> None:
    graph, _ = large_graph()
    prepared = numba_backend.prepare(graph)
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
    assert numba_backend.prepare(graph) is numba_backend.prepare(graph)
    known = len(numba_backend._PREPARED)
    del graph
    gc.collect()
    assert len(numba_backend._PREPARED) == known - 1


def test_the_exponential_is_as_good_as_float32() -> None:
    x = np.concatenate([-np.logspace(-8, 1.93, 500), [0.0, -86.9]]).astype(np.float32)
    found = np.array([numba_backend._exp32(value) for value in x])
    assert np.abs(found / np.exp(x.astype(np.float64)) - 1).max() < 3e-7
    assert numba_backend._exp32(np.float32(-1e30)) < 1e-37
    assert np.isnan(numba_backend._exp32(np.float32("nan")))


def test_a_relation_that_does_not_exist_is_an_error_and_no_stray_read() -> None:
    graph, etype = large_graph()
    value, rel = normal(3000, 2, 3), normal(5, 2)
    etype[4] = 5
    with pytest.raises(IndexError, match="0 to 5, but there are 5"):
        ops.dot_attention(graph, value, value, value, rel, etype)


def test_what_diverges_shows_as_nan() -> None:
    graph, etype = large_graph()
    value = normal(3000, 2, 3).float()
    value[0] = float("nan")
    assert ops.dot_attention(graph, value, value, value, normal(5, 2).float(), etype).isnan().any()
