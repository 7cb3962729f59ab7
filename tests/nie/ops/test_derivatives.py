"""nie.ops.derivatives: gradient penalties through every operation, on every backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from reference import attention as reference
from reference.attention_kinds import KINDS, attend, inputs
from reference.backends import use_any_backend
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from nie.layers import PreGATConv
from nie.ops import complex_distance, neighbour_sum, relational_sum
from nie.ops.backend import BACKENDS
from nie.ops.derivatives import with_second_derivatives

Tensors = Mapping[str, Tensor]


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return use_any_backend(request, monkeypatch)


def penalty(outputs: tuple[Tensor, ...], tensors: Tensors) -> tuple[Tensor, ...]:
    """The sum of squared gradients, and its gradients."""
    loss = sum((out**3).sum() for out in outputs)
    slopes = torch.autograd.grad(loss, list(tensors.values()), create_graph=True)
    total = sum(slope.square().sum() for slope in slopes)
    return total, *torch.autograd.grad(total, list(tensors.values()), retain_graph=True)


def assert_equal(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_attention(kind: str) -> None:
    graph, etype = random_graph(num_nodes=5, num_edges=8)
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    additive = kind in ("gat", "pregat")
    expected = (
        reference.additive_attention(graph, **tensors, etype=etype)
        if additive
        else reference.dot_attention(graph, **tensors, etype=etype, mode=kind)
    )
    assert_equal(
        penalty(attend(kind, graph, etype, tensors, return_attention=True), tensors), penalty(expected, tensors)
    )
    alone = attend(kind, graph, etype, tensors)
    assert_equal(penalty((alone,), tensors), penalty(expected[:1], tensors))


def test_dropped_weights_stay_dropped() -> None:
    graph, etype = random_graph(num_nodes=6, num_edges=12)
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs("mul", graph, etype).items()}
    out = attend("mul", graph, etype, tensors, attn_drop=0.5, seed=3)
    key = tensors["key"]
    slopes = [torch.autograd.grad(out.sum(), key, retain_graph=True, create_graph=again)[0] for again in (False, True)]
    torch.testing.assert_close(slopes[0], slopes[1], rtol=0, atol=1e-12)


def test_a_tensor_that_is_several_inputs(backend: str) -> None:
    graph, etype = random_graph(num_nodes=6, num_edges=12)
    tensors = inputs("mul", graph, etype)
    x = tensors["value"].clone().requires_grad_()
    found = attend("mul", graph, etype, {"query": x, "key": x, "value": x, "rel": tensors["rel"]})
    expected = reference.dot_attention(graph, x, x, x, tensors["rel"], etype=etype, mode="mul")[0]
    assert_equal(penalty((found,), {"x": x}), penalty((expected,), {"x": x}))


def test_sums(backend: str) -> None:
    graph, etype = random_graph(num_nodes=6, num_edges=12)
    src, dst = graph.edges(order="eid")
    value, coefficient = normal(6, 2, 3, requires_grad=True), normal(NUM_RELATIONS, 2, seed=1, requires_grad=True)
    mixed = (coefficient[etype][:, :, None] * value[src]).sum(1)
    expected = torch.zeros(6, 3, dtype=torch.float64).index_add(0, dst, mixed)
    tensors = {"value": value, "coefficient": coefficient}
    found = relational_sum(graph, value, coefficient, etype)
    assert_equal(penalty((found,), tensors), penalty((expected,), tensors))
    plain = normal(6, 3, requires_grad=True)
    expected = torch.zeros(6, 3, dtype=torch.float64).index_add(0, dst, plain[src])
    assert_equal(penalty((neighbour_sum(graph, plain),), {"x": plain}), penalty((expected,), {"x": plain}))


@pytest.mark.parametrize("rows", [None, torch.tensor([[0, 1], [3, 3], [2, 0]])])
def test_distance(rows: Tensor | None, backend: str) -> None:
    if backend == "triton":
        pytest.skip("the distance has no kernel of Triton")
    query, keys = normal(3, 8, requires_grad=True), normal(4, 8, seed=1, requires_grad=True)
    pairs = keys.expand(3, 4, 8) if rows is None else keys[rows]
    expected = (query[:, None] - pairs).unflatten(2, (2, 4)).square().sum(2).sqrt().sum(2)
    tensors = {"query": query, "keys": keys}
    assert_equal(penalty((complex_distance(query, keys, rows),), tensors), penalty((expected,), tensors))


def test_a_gradient_penalty_through_a_layer(backend: str) -> None:
    if backend == "triton":
        pytest.skip("its interpreter needs a minute for the differences")
    graph, etype = random_graph(num_nodes=6, num_edges=12)
    torch.manual_seed(0)
    conv = PreGATConv(5, 4, rel_size=3, num_heads=2).double()
    feat, rel = normal(6, 5, requires_grad=True), normal(4, 3, seed=1, requires_grad=True)

    def slopes(feat: Tensor, rel: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((conv(graph, feat, rel, etype) ** 3).sum(), (feat, rel), create_graph=True)

    # Against differences of first derivatives, which the kernels have.
    assert torch.autograd.gradcheck(slopes, (feat, rel))


def test_outputs_can_be_written_to_in_place(backend: str) -> None:
    graph, etype = random_graph(num_nodes=6, num_edges=12)
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs("pregat", graph, etype).items()}
    out = attend("pregat", graph, etype, tensors)
    wanted = torch.autograd.grad((out * 2 + 1).square().sum(), tensors["src_score"])
    out = attend("pregat", graph, etype, tensors)
    if backend == "dgl":  # no kernel of DGL's keeps its output
        out.mul_(2).add_(1)
        torch.testing.assert_close(torch.autograd.grad(out.square().sum(), tensors["src_score"]), wanted)
    else:  # these kernels keep theirs, and autograd notices
        out.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()


def test_nothing_is_kept_where_nothing_is_differentiated() -> None:
    x = torch.ones(1, requires_grad=True)
    out = torch.ones(1)
    assert with_second_derivatives([out, None], [x.detach(), None], never) == (out, None)
    with torch.no_grad():
        assert with_second_derivatives([out], [x], never)[0] is out


never: Callable[..., tuple[Tensor, ...]] = pytest.fail
