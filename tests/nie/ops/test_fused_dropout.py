"""nie.ops.fused_dropout, and the layer on it, nie.layers.dropout."""

from __future__ import annotations

import pytest
import torch

from nie import ops
from nie.errors import NieError
from nie.layers import Dropout


@pytest.fixture(params=["dgl", "numba"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "numba":
        pytest.importorskip("numba", reason="numba is not installed: pip install 'nie[fast]'")
    monkeypatch.setenv("NIE_OPS_BACKEND", request.param)
    return str(request.param)


@pytest.mark.parametrize("shape", [(1,), (7, 5), (300, 17, 9)])
def test_what_is_kept_is_scaled_and_the_gradient_follows(shape: tuple[int, ...]) -> None:
    x = torch.full(shape, 2.0, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    out = ops.dropout(x, 0.3)
    (grad,) = torch.autograd.grad(out.sum(), [x])
    torch.testing.assert_close(out, 2 * grad)
    kept = grad != 0
    kept = (grad != 0).double()
    torch.testing.assert_close(grad, kept / 0.7)
    if x.numel() > 1000:
        assert abs(kept.mean().item() - 0.7) < 0.01


def test_the_seed_is_torchs_own(backend: str) -> None:
    x = torch.ones(1000)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(ops.dropout(x, 0.5))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    again = ops.dropout(x, 0.5)
    assert not torch.equal(draws[2], again)


def test_views_and_threads_change_nothing(backend: str) -> None:
    if backend != "numba":
        pytest.skip("torch's own dropout draws in the order of memory")
    x = torch.randn(1200, 300, generator=torch.Generator().manual_seed(0))
    threads, results = torch.get_num_threads(), []
    try:
        for count, view in ((1, x), (2, x), (1, x.t().contiguous().t())):
            torch.set_num_threads(count)
            torch.manual_seed(3)
            results.append(ops.dropout(view, 0.5))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0] == 0, results[2] == 0)


def test_layer_in_training_and_evaluation() -> None:
    layer, x = Dropout(0.5), torch.ones(100)
    assert (layer(x) == 0).any()
    assert layer.eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert repr(layer) == "Dropout(p=0.5)"
    for call in (lambda: ops.dropout(x, 1.0), lambda: Dropout(1.0)):
        with pytest.raises(NieError, match=r"must be a probability in \[0, 1\); got 1\.0"):
            call()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_types_come_back_as_they_are(kind: torch.dtype) -> None:
    x = torch.ones(200, dtype=kind, requires_grad=True)
    out = ops.dropout(x, 0.5)
    assert out.dtype == kind
    assert set(out.tolist()) == {0.0, 2.0}
    assert torch.equal(torch.autograd.grad(out.sum(), x)[0], out)


def test_integers_are_refused() -> None:
    with pytest.raises(NieError, match=r"dropout takes floating-point numbers; got torch\.int64"):
        ops.dropout(torch.ones(3, dtype=torch.int64), 0.5)


def test_wide_features_and_second_derivatives() -> None:
    x = torch.ones(2, 1500, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    out = ops.dropout(x, 0.5)
    (grad,) = torch.autograd.grad((out**2).sum(), [x], create_graph=True)
    (second,) = torch.autograd.grad(grad.sum(), [x])
    torch.testing.assert_close(second, torch.where(out == 0, 0.0, 8.0).double())
