"""What only the fused CPU kernels promise; that they compute the same as DGL's is in ../test_attention.py.

Its tensors become arrays by nie.ops.numba_backend.arrays.
"""

from __future__ import annotations

import pytest
import torch
from reference.graphs import large_graph, normal

from nie import ops
from nie.errors import NieError

pytest.importorskip("numba", reason="numba is not installed: pip install 'nie[fast]'")


@pytest.fixture(autouse=True)
def fused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIE_OPS_BACKEND", "numba")


@pytest.mark.parametrize("kind", ["mul", "add", "dot", "additive"])
def test_one_thread_and_two_give_the_same_bits(kind: str) -> None:
    graph, etype = large_graph()
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            value = normal(3000, 2, 100, seed=1).float().requires_grad_()  # two tiles of one head
            rel = normal(5, 2, *([100] if kind == "dot" else []), seed=2).float().requires_grad_()
            drop = {"attn_drop": 0.2, "seed": 9}
            if kind == "additive":
                out = ops.additive_attention(graph, value, value[..., 0], value[..., 1], rel, etype, **drop)
            else:
                out = ops.dot_attention(graph, value / 10, value, value, rel, etype, kind, **drop)
            out.square().sum().backward()
            results.append((out.detach(), value.grad, rel.grad))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


def test_a_relation_that_does_not_exist_is_an_error_and_no_stray_read() -> None:
    graph, etype = large_graph()
    value, rel = normal(3000, 2, 3), normal(5, 2)
    etype[4] = 5
    with pytest.raises(NieError, match="etype must be between 0 and 4, the rows of rel; got 0 to 5"):
        ops.dot_attention(graph, value, value, value, rel, etype)


def test_what_diverges_shows_as_nan() -> None:
    graph, etype = large_graph()
    value = normal(3000, 2, 3).float()
    value[0] = float("nan")
    assert ops.dot_attention(graph, value, value, value, normal(5, 2).float(), etype).isnan().any()
