"""nie.ops.distance and its kernels, nie.ops.numba_backend.complex_distance, against a loop."""

from __future__ import annotations

import pytest
import torch
from reference.backends import use_backend
from reference.graphs import normal
from torch import Tensor

from nie.errors import NieError
from nie.ops import complex_distance, distance


@pytest.fixture(params=["dgl", "numba"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test of this file runs once on each backend."""
    return use_backend(request.param, monkeypatch)


def loop(query: Tensor, keys: Tensor) -> Tensor:
    size = query.shape[1] // 2
    rows = []
    for q in query:
        difference = [torch.complex(q[:size] - k[:size], q[size:] - k[size:]) for k in keys]
        rows.append(torch.stack([one.abs().sum() for one in difference]))
    return torch.stack(rows)


@pytest.mark.parametrize("size", [1, 3, 64, 100, 130, 600])
def test_values_and_gradients_equal_the_loop(size: int) -> None:
    query = normal(11, 2 * size, requires_grad=True)
    keys = normal(5, 2 * size, seed=1, requires_grad=True)
    out, expected = (call(query, keys) for call in (complex_distance, loop))
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
    weight = normal(11, 5, seed=2)
    found, wanted = (torch.autograd.grad((one * weight).sum(), (query, keys)) for one in (out, expected))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_any_width_runs_on_the_chosen_backend(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    monkeypatch.setattr(distance, "_by_numba", lambda query, *_: computed.append("numba") or query)
    complex_distance(normal(1, 4000), normal(1, 4000))
    assert computed == (["numba"] if backend == "numba" else [])


@pytest.mark.parametrize("size", [1, 100, 130])
def test_chosen_keys(size: int) -> None:
    query, keys = (normal(rows, 2 * size, seed=seed, requires_grad=True) for rows, seed in ((11, 0), (7, 1)))
    rows = torch.randint(6, (11, 9), generator=torch.Generator().manual_seed(0))  # some twice, the last key never
    out, expected = complex_distance(query, keys, rows), complex_distance(query, keys).gather(1, rows)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
    weight = normal(11, 9, seed=2)
    found, wanted = (torch.autograd.grad((one * weight).sum(), (query, keys)) for one in (out, expected))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_no_chosen_keys() -> None:
    query, keys = normal(3, 6, requires_grad=True), normal(4, 6, requires_grad=True)
    out = complex_distance(query, keys, torch.empty(3, 0, dtype=torch.long))
    assert out.shape == (3, 0)
    out.sum().backward()
    assert query.grad is not None
    assert query.grad.abs().sum() == 0
    assert complex_distance(normal(0, 6), keys, torch.empty(0, 2, dtype=torch.long)).shape == (0, 2)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.uint16, torch.int32])
def test_chosen_keys_of_any_integers(kind: torch.dtype) -> None:
    query, keys, rows = normal(2, 6), normal(4, 6, seed=1), torch.tensor([[0, 3], [1, 1]])
    assert torch.equal(complex_distance(query, keys, rows.to(kind)), complex_distance(query, keys, rows))


@pytest.mark.parametrize("kind", [torch.float32, torch.bool])
def test_chosen_keys_that_are_no_integers(kind: torch.dtype) -> None:
    with pytest.raises(NieError, match="rows must hold integers, the ids of keys; got"):
        complex_distance(normal(2, 6), normal(2, 6), torch.ones(2, 1).to(kind))


@pytest.mark.parametrize("rows", [[[0], [4], [1]], [[0], [-1], [1]]])
def test_chosen_keys_that_are_not_there(rows: list[list[int]]) -> None:
    with pytest.raises(NieError, match="there are 4 keys"):
        complex_distance(normal(3, 6), normal(4, 6), torch.tensor(rows))


def test_single_precision() -> None:
    query, keys = normal(9, 200), normal(7, 200, seed=1)
    found = complex_distance(query.float(), keys.float()).double()
    torch.testing.assert_close(found, complex_distance(query, keys), rtol=1e-5, atol=1e-5)


def test_gradcheck() -> None:
    inputs = normal(3, 6, requires_grad=True), normal(4, 6, seed=1, requires_grad=True)
    assert torch.autograd.gradcheck(complex_distance, inputs)


def test_equal_vectors_have_the_gradient_zero() -> None:
    query = normal(2, 6, requires_grad=True)
    complex_distance(query, query.detach()).diagonal().sum().backward()
    assert query.grad is not None
    assert query.grad.abs().max() == 0
    assert complex_distance(query, query).diagonal().abs().max() < 1e-10


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    query, keys = normal(50, 20, requires_grad=True), normal(30, 20, seed=1, requires_grad=True)
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        rows = torch.arange(50 * 3).view(50, 3) % 30
        out, chosen = complex_distance(query, keys), complex_distance(query, keys, rows)
        found.append((out, chosen, *torch.autograd.grad(out.square().sum() + chosen.square().sum(), (query, keys))))
    for one, two in zip(*found, strict=True):
        assert torch.equal(one, two)


def test_nothing_to_compare() -> None:
    assert complex_distance(normal(0, 6), normal(4, 6)).shape == (0, 4)
    assert complex_distance(normal(3, 6), normal(0, 6)).shape == (3, 0)
    for queries, keys in ((0, 4), (3, 0)):
        given = [normal(rows, 6, requires_grad=True) for rows in (queries, keys)]
        grads = torch.autograd.grad(complex_distance(*given).sum(), given)
        assert all(grad.abs().sum() == 0 for grad in grads)


def test_infinity_shows() -> None:
    query = normal(2, 6)
    query[1, 2] = torch.inf
    out = complex_distance(query, normal(3, 6, seed=1))
    assert out[0].isfinite().all()
    assert not out[1].isfinite().any()


def test_what_is_too_far_for_single_precision_is_infinitely_far() -> None:
    query, keys = torch.full((1, 6), 1e30), torch.zeros(2, 6)
    assert complex_distance(query, keys).isinf().all()
    assert complex_distance(query, keys, torch.tensor([[1]])).isinf().all()
    torch.testing.assert_close(
        complex_distance(query.double(), keys.double()), torch.full((1, 2), 3e30 * 2**0.5).double()
    )


@pytest.mark.parametrize("keys", [normal(4, 8), normal(4, 6, 1)])
def test_shapes_that_do_not_fit(keys: Tensor) -> None:
    with pytest.raises(NieError, match="keys"):
        complex_distance(normal(3, 6), keys)
    with pytest.raises(NieError, match="even"):
        complex_distance(normal(3, 5), normal(3, 5))


def test_complex_types_are_refused() -> None:
    with pytest.raises(NieError, match=r"query must hold real numbers; got torch\.complex128"):
        complex_distance(normal(3, 6).to(torch.complex128), normal(3, 6))
