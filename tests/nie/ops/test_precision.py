"""nie.ops.precision and nie.ops.operation: half types are computed in single precision, under autocast too."""

from __future__ import annotations

import pytest
import torch
from reference.attention_kinds import KINDS, attend, inputs
from reference.backends import use_any_backend
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from nie.dgl_compat import dgl
from nie.layers import GraphConv, PreGATConv
from nie.ops import additive_attention, complex_distance, dot_attention, neighbour_sum, relational_sum
from nie.ops.row_sum import row_sum

HALF = [torch.bfloat16, torch.float16]


@pytest.fixture(params=["dgl", "numba"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return use_any_backend(request, monkeypatch)


def star(degree: int) -> dgl.DGLGraph:
    return dgl.graph((torch.arange(1, degree + 1), torch.zeros(degree, dtype=torch.int64)), num_nodes=degree + 1)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("degree", [1, 100, 5_000, 100_000])
def test_weights_sum_to_one_at_any_degree(degree: int, dtype: torch.dtype) -> None:
    graph = star(degree)
    score = normal(degree + 1, 1).to(dtype)
    value = torch.ones(degree + 1, 1, 1, dtype=dtype)
    for out, weights in (
        additive_attention(graph, value, score, score, return_attention=True),
        dot_attention(graph, score[:, None], score[:, None], value, return_attention=True),
    ):
        assert out.dtype == dtype
        assert abs(weights.sum().item() - 1) < 1e-3
        assert abs(out[0].item() - 1) < 5e-3  # a half type's own last place


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("kind", KINDS)
def test_attention_and_its_gradients_are_those_of_single_precision(kind: str, dtype: torch.dtype) -> None:
    graph, etype = random_graph(num_nodes=50, num_edges=2_000)
    half = {name: tensor.to(dtype).requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    single = {name: tensor.detach().float().requires_grad_() for name, tensor in half.items()}
    results = []
    for tensors in (half, single):
        out, weights = attend(kind, graph, etype, tensors, return_attention=True)
        results.append([out, *torch.autograd.grad(out.float().sum(), list(tensors.values()))])
        assert weights.dtype == torch.float32
    assert {tensor.dtype for tensor in results[0]} == {dtype}
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected.to(dtype))


@pytest.mark.parametrize("dtype", HALF)
def test_sums_and_distances(dtype: torch.dtype) -> None:
    degree = 3_000
    graph, ones = star(degree), torch.ones(degree + 1, 1, dtype=dtype)
    assert neighbour_sum(graph, ones)[0].item() == pytest.approx(degree, rel=4e-3)
    etype = torch.zeros(degree, dtype=torch.int64)
    table = torch.ones(NUM_RELATIONS, 1, dtype=dtype)
    assert relational_sum(graph, ones[:, None], table, etype)[0].item() == pytest.approx(degree, rel=4e-3)
    assert row_sum(ones, torch.zeros(degree + 1, dtype=torch.int64), 1).item() == pytest.approx(degree, rel=4e-3)
    query, keys = normal(2, 6).to(dtype), normal(3, 6, seed=1).to(dtype)
    expected = complex_distance(query.double(), keys.double())
    torch.testing.assert_close(complex_distance(query, keys), expected.to(dtype))


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("degree", [1, 100, 5_000])
def test_layers_under_autocast(degree: int, dtype: torch.dtype) -> None:
    graph = star(degree)
    etype = torch.arange(degree) % 4
    torch.manual_seed(0)
    conv, plain = PreGATConv(5, 4, rel_size=3, num_heads=2), GraphConv(5, 4)
    feat, rel = normal(degree + 1, 5).float(), normal(4, 3, seed=1).float()
    expected = conv(graph, feat, rel, etype), plain(graph, feat)
    with torch.autocast("cpu", dtype):
        found = conv(graph, feat, rel, etype), plain(graph, feat)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), two, rtol=0.03, atol=0.03)


def test_scores_of_single_precision_are_not_cast_down() -> None:
    graph = star(2)
    # A difference that bfloat16 cannot hold: 256 and 256.5 are one number there.
    score = torch.tensor([[0.0], [256.0], [256.5]])
    value = torch.tensor([0.0, 0.0, 1.0], dtype=torch.bfloat16)[:, None, None]
    zero = torch.zeros(3, 1)
    found: Tensor = additive_attention(graph, value, score, zero)
    assert found[0].item() == pytest.approx(torch.sigmoid(torch.tensor(0.5)).item(), abs=0.01)
