"""Both kinds of attention in every variant, each on every backend against one loop.

With nie.ops.attention go its checks, nie.ops.shapes, and what the fused kernels are told, nie.ops.call.
Triton's kernels run in its interpreter here, which `conftest` switches on where there is no GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from reference import attention as reference
from reference.attention_kinds import KINDS, D, H, attend, gradients, inputs
from reference.backends import use_any_backend
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nie import ops
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.backend import BACKENDS
from nie.ops.drop_pattern import dropout_scale


def small_graph() -> tuple[dgl.DGLGraph, Tensor]:
    """No larger than the tests need: Triton's interpreter takes a fiftieth of a second a node."""
    return random_graph(num_nodes=6, num_edges=12)


def loop(
    kind: str, graph: dgl.DGLGraph, etype: Tensor, tensors: dict[str, Tensor], factor: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Call the reference of ``kind``; ``factor`` (E, H) multiplies the weights after the softmax."""
    if kind in ("gat", "pregat"):
        return reference.additive_attention(graph, **tensors, etype=etype, factor=factor)
    return reference.dot_attention(graph, **tensors, etype=etype, mode=kind, factor=factor)


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test of this file runs once on each backend."""
    return use_any_backend(request, monkeypatch)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_values_attention_and_gradients_equal_the_loop(kind: str) -> None:
    graph, etype = small_graph()
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    out, weights = attend(kind, graph, etype, tensors, return_attention=True)
    expected, expected_weights = loop(kind, graph, etype, tensors)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(weights, expected_weights, rtol=0, atol=1e-10)
    alone = attend(kind, graph, etype, tensors)
    torch.testing.assert_close(alone, expected, rtol=0, atol=1e-10)
    wanted = gradients(expected, tensors)
    for output in (out, alone):
        for have, want in zip(gradients(output, tensors), wanted, strict=True):
            torch.testing.assert_close(have, want, rtol=0, atol=1e-10)


@pytest.mark.parametrize("slope", [0.01, 0.2])
def test_negative_slope(slope: float) -> None:
    graph, etype = small_graph()
    tensors = inputs("pregat", graph, etype)
    out = ops.additive_attention(graph, **tensors, etype=etype, negative_slope=slope)
    expected, _ = reference.additive_attention(graph, **tensors, etype=etype, negative_slope=slope)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)


def test_gradcheck(kind: str, backend: str) -> None:
    num_nodes, num_edges = (5, 9) if backend != "triton" else (4, 6)  # its interpreter is slow
    graph, etype = random_graph(num_nodes=num_nodes, num_edges=num_edges)
    heads, size = (H, D) if backend == "numba" else (2, 3)  # numba has compiled the former for other tests
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype, heads, size).items()}

    def function(*values: Tensor) -> Any:
        return attend(kind, graph, etype, dict(zip(tensors, values, strict=True)), return_attention=True)

    def without_weights(*values: Tensor) -> Any:
        return attend(kind, graph, etype, dict(zip(tensors, values, strict=True)))

    if backend == "triton":  # a tenth of a second a call: one random direction stands for all elements
        flat = torch.cat([tensor.detach().flatten() for tensor in tensors.values()]).requires_grad_()

        def of_flat(flat: Tensor) -> Tensor:
            parts = flat.split([tensor.numel() for tensor in tensors.values()])
            found = function(*(part.view_as(like) for part, like in zip(parts, tensors.values(), strict=True)))
            return torch.cat([one.flatten() for one in found])

        assert torch.autograd.gradcheck(of_flat, flat, fast_mode=True, check_undefined_grad=False)
    else:
        assert torch.autograd.gradcheck(function, tuple(tensors.values()))
        assert torch.autograd.gradcheck(without_weights, tuple(tensors.values()), fast_mode=True)


@pytest.mark.parametrize("hidden", [False, True])
def test_changing_the_output_in_place_is_exact_or_refused(kind: str, hidden: bool) -> None:
    graph, etype = small_graph()
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    wanted = gradients(3 * attend(kind, graph, etype, tensors), tensors)
    out = attend(kind, graph, etype, tensors)
    try:
        if hidden:
            tripled = 3 * out
            with torch.no_grad():
                out.zero_()
        else:
            tripled = out.mul_(3)
        found = gradients(tripled, tensors)
    except RuntimeError as error:
        assert "inplace" in str(error)  # noqa: PT017
        return
    for have, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(have, want, rtol=0, atol=1e-10)


def test_order_of_edges_does_not_matter(kind: str) -> None:
    graph, etype = small_graph()
    tensors = inputs(kind, graph, etype)
    order = torch.randperm(graph.num_edges(), generator=torch.Generator().manual_seed(0))
    src, dst = graph.edges()
    shuffled = dgl.graph((src[order], dst[order]), num_nodes=graph.num_nodes())
    _, weights = attend(kind, graph, etype, tensors, return_attention=True)
    _, shuffled_weights = attend(kind, shuffled, etype[order], tensors, return_attention=True)
    out, shuffled_out = attend(kind, graph, etype, tensors), attend(kind, shuffled, etype[order], tensors)
    torch.testing.assert_close(shuffled_out, out, rtol=0, atol=1e-12)
    torch.testing.assert_close(shuffled_weights, weights[order], rtol=0, atol=1e-12)


def test_names_of_nodes_do_not_matter(kind: str) -> None:
    graph, etype = small_graph()
    tensors = inputs(kind, graph, etype)
    new_id = torch.randperm(graph.num_nodes(), generator=torch.Generator().manual_seed(0))
    src, dst = graph.edges()
    renamed = dgl.graph((new_id[src], new_id[dst]), num_nodes=graph.num_nodes())
    moved = {
        name: tensor if name.startswith("rel") else torch.empty_like(tensor).index_copy(0, new_id, tensor)
        for name, tensor in tensors.items()
    }
    out = attend(kind, graph, etype, tensors)
    torch.testing.assert_close(attend(kind, renamed, etype, moved)[new_id], out, rtol=0, atol=1e-12)


def test_block_equals_full_graph(kind: str) -> None:
    graph, etype = small_graph()
    seeds = torch.tensor([5, 0, 3])  # node 0 has no in-edge
    block = dgl.to_block(dgl.in_subgraph(graph, seeds), seeds)
    picked = etype[dgl.in_subgraph(graph, seeds).edata[dgl.EID][block.edata[dgl.EID]]]
    tensors = inputs(kind, graph, etype)
    sources, targets = block.srcdata[dgl.NID], block.dstdata[dgl.NID]
    rows = {"value": sources, "key": sources, "src_score": sources, "query": targets, "dst_score": targets}
    local = {name: tensor[rows[name]] if name in rows else tensor for name, tensor in tensors.items()}
    full = attend(kind, graph, etype, tensors)
    torch.testing.assert_close(attend(kind, block, picked, local), full[targets], rtol=0, atol=1e-12)


def test_gradients_on_a_block_equal_the_loop(kind: str) -> None:
    graph, etype = small_graph()
    seeds = torch.tensor([5, 0, 3])
    inner = dgl.in_subgraph(graph, seeds)
    block = dgl.to_block(inner, seeds)
    picked = etype[inner.edata[dgl.EID][block.edata[dgl.EID]]]
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, block, picked).items()}
    wanted = gradients(loop(kind, block, picked, tensors)[0], tensors)
    for have, want in zip(gradients(attend(kind, block, picked, tensors), tensors), wanted, strict=True):
        torch.testing.assert_close(have, want, rtol=0, atol=1e-10)


def test_types_are_those_of_the_values(kind: str) -> None:
    graph, etype = small_graph()
    tensors = inputs(kind, graph, etype)
    mixed = {name: tensor if name == "value" else tensor.float() for name, tensor in tensors.items()}
    out = attend(kind, graph, etype, mixed)
    assert out.dtype == torch.float64
    torch.testing.assert_close(out, attend(kind, graph, etype, tensors), rtol=0, atol=1e-5)


def test_inference_mode(kind: str) -> None:
    graph, etype = small_graph()
    expected = attend(kind, graph, etype, inputs(kind, graph, etype))
    with torch.inference_mode():
        assert torch.equal(attend(kind, graph, etype.clone(), inputs(kind, graph, etype)), expected)


def test_no_in_edges_give_zeros_and_attention_sums_to_one(kind: str) -> None:
    graph, etype = small_graph()
    out, weights = attend(kind, graph, etype, inputs(kind, graph, etype), return_attention=True)
    assert (out[:2] == 0).all()
    assert (attend(kind, graph, etype, inputs(kind, graph, etype))[:2] == 0).all()
    sums = torch.zeros(graph.num_nodes(), H, dtype=torch.float64).index_add(0, graph.edges()[1], weights)
    torch.testing.assert_close(sums, (graph.in_degrees() > 0).double().unsqueeze(1).expand(-1, H))


def test_no_edges_at_all(kind: str) -> None:
    graph, etype = dgl.graph(([], []), num_nodes=4), torch.zeros(0, dtype=torch.int64)
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    out = attend(kind, graph, etype, tensors)
    out.sum().backward()
    assert out.shape == (4, H, D)
    assert (out == 0).all()


def test_parallel_edges_count_each(kind: str) -> None:
    graph, etype = dgl.graph(([0, 0, 0, 1], [2, 2, 2, 2])), torch.tensor([1, 1, 1, 1])
    tensors = inputs(kind, graph, etype)
    _, weights = attend(kind, graph, etype, tensors, return_attention=True)
    single = dgl.graph(([0, 1], [2, 2]))
    _, alone = attend(kind, single, etype[:2], tensors, return_attention=True)
    ratio = alone[0] / alone[1]
    torch.testing.assert_close(weights[0], ratio / (3 * ratio + 1), rtol=0, atol=1e-12)
    torch.testing.assert_close(weights[:3], weights[:1].expand(3, -1), rtol=0, atol=0)


def test_large_scores_stay_finite(kind: str) -> None:
    graph, etype = small_graph()
    tensors = {name: 1e3 * tensor for name, tensor in inputs(kind, graph, etype).items()}
    assert torch.isfinite(attend(kind, graph, etype, tensors)).all()


def test_dropout_equals_the_loop_with_the_seeds_factors(kind: str) -> None:
    graph, etype = small_graph()
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    factor = dropout_scale(graph.num_edges(), H, 0.4, 11, like=tensors["value"])
    assert 0 < (factor == 0).sum() < factor.numel()
    expected, weights = loop(kind, graph, etype, tensors, factor)
    wanted = gradients(expected, tensors)
    for options in ({}, {"return_attention": True}):
        out = attend(kind, graph, etype, tensors, attn_drop=0.4, seed=11, **options)
        if options:
            out, returned = out
            torch.testing.assert_close(returned, weights, rtol=0, atol=1e-10)  # before dropout
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
        for have, want in zip(gradients(out, tensors), wanted, strict=True):
            torch.testing.assert_close(have, want, rtol=0, atol=1e-10)


def test_dropout_draws_its_seed_from_torchs_generator(kind: str) -> None:
    graph, etype = small_graph()
    tensors = inputs(kind, graph, etype)
    outs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        outs.append(attend(kind, graph, etype, tensors, attn_drop=0.5))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    with pytest.raises(NieError, match=r"got 1\.0"):
        attend(kind, graph, etype, tensors, attn_drop=1.0)


@pytest.mark.parametrize(
    ("kind", "num_heads", "size"),
    [("pregat", 1, 1), ("mul", 1, 1), ("pregat", 1, 200), ("dot", 5, 7), ("gat", 12, 16), ("add", 12, 16)],
)
def test_any_head_count_and_size(kind: str, num_heads: int, size: int) -> None:
    graph, etype = small_graph()
    tensors = {name: x.requires_grad_() for name, x in inputs(kind, graph, etype, num_heads, size).items()}
    out, weights = attend(kind, graph, etype, tensors, return_attention=True, attn_drop=0.3, seed=5)
    factor = dropout_scale(graph.num_edges(), num_heads, 0.3, 5, like=out)
    expected, expected_weights = loop(kind, graph, etype, tensors, factor)
    torch.testing.assert_close(weights, expected_weights, rtol=0, atol=1e-10)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
    for have, want in zip(gradients(out, tensors), gradients(expected, tensors), strict=True):
        torch.testing.assert_close(have, want, rtol=0, atol=1e-10)


@pytest.mark.parametrize("id_type", [torch.int32, torch.int64])
def test_float32_and_id_types(kind: str, id_type: torch.dtype) -> None:
    graph, etype = small_graph()
    tensors = {name: tensor.float().requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    out = attend(kind, graph.astype(id_type), etype.to(id_type), tensors)
    assert out.dtype == torch.float32
    exact = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    expected, _ = loop(kind, graph, etype, exact)
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-6)
    for have, want in zip(gradients(out.double(), tensors), gradients(expected, exact), strict=True):
        torch.testing.assert_close(have.double(), want, rtol=1e-5, atol=1e-5 * float(want.abs().max()))


def test_views_and_expanded_gradients(kind: str) -> None:
    graph, etype = small_graph()
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    views = {name: torch.stack([tensor, tensor], dim=-1)[..., 0] for name, tensor in tensors.items()}
    assert not any(view.is_contiguous() for view in views.values())
    wanted = torch.autograd.grad(attend(kind, graph, etype, tensors).sum(), list(tensors.values()))
    found = torch.autograd.grad(attend(kind, graph, etype, views).sum(), list(tensors.values()))
    out = attend(kind, graph, etype, tensors)
    contiguous = torch.autograd.grad((out * torch.ones_like(out)).sum(), list(tensors.values()))
    for have, alike, want in zip(found, wanted, contiguous, strict=True):
        torch.testing.assert_close(have, want, rtol=0, atol=1e-12)
        torch.testing.assert_close(alike, want, rtol=0, atol=1e-12)


def test_graph_is_not_written_to(kind: str) -> None:
    graph, etype = small_graph()
    attend(kind, graph, etype, inputs(kind, graph, etype))
    assert not graph.ndata
    assert not graph.edata


def test_same_bits_every_time(kind: str, backend: str) -> None:
    num_nodes, num_edges = (200, 5000) if backend != "triton" else (6, 100)  # its interpreter is slow
    graph, etype = random_graph(num_nodes=num_nodes, num_edges=num_edges)
    tensors = {name: tensor.float().requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    first, second = (gradients(attend(kind, graph, etype, tensors).double(), tensors) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


class LargestTensor(TorchDispatchMode):
    """Records the bytes in the largest tensor that any torch operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.numel() * result.element_size())
        return result


def test_no_vector_is_copied_onto_the_edges(kind: str, backend: str) -> None:
    num_nodes, num_edges = (20, 3000) if backend != "triton" else (6, 100)
    graph, etype = random_graph(num_nodes=num_nodes, num_edges=num_edges)
    tensors = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype).items()}
    with LargestTensor() as record:
        gradients(attend(kind, graph, etype, tensors), tensors)
    # The dispatch mode sees torch's tensors; a backend that allocates its own may show fewer.
    assert 0 < record.largest <= graph.num_edges() * H * 8  # a number a head in float64, where a vector has D


def test_shapes_that_do_not_fit_are_named() -> None:
    graph, etype = small_graph()
    good = inputs("mul", graph, etype)
    with pytest.raises(NieError, match=r"query has shape \(2, 3, 4\).*needs \(6, 3, 4\)"):
        ops.dot_attention(graph, **good | {"query": normal(2, H, D)}, etype=etype)
    with pytest.raises(NieError, match=r"value has shape \(6, 3\)"):
        ops.dot_attention(graph, **good | {"value": normal(6, H)}, etype=etype)
    with pytest.raises(NieError, match=r"rel has shape \(4, 3, 4\).*\(any, 3\)"):
        ops.dot_attention(graph, **good | {"rel": normal(4, H, D)}, etype=etype)
    with pytest.raises(NieError, match=r"etype has shape \(3,\)"):
        ops.dot_attention(graph, **good, etype=etype[:3])
    with pytest.raises(NieError, match="rel is given without etype"):
        ops.dot_attention(graph, **good)
    with pytest.raises(NieError, match="etype is given without rel"):
        ops.dot_attention(graph, good["query"], good["key"], good["value"], etype=etype)
    with pytest.raises(NieError, match=r"'gat'.*did you mean 'gate'"):
        ops.dot_attention(graph, **good, etype=etype, mode="gat")
    scores = inputs("pregat", graph, etype)
    with pytest.raises(NieError, match=r"negative_slope must be 0 or more; got -0\.5"):
        ops.additive_attention(graph, **scores, etype=etype, negative_slope=-0.5)
    with pytest.raises(NieError, match="value must have at least one value in each row"):
        ops.dot_attention(graph, *[torch.zeros(6, 0, 4)] * 3)
    with pytest.raises(NieError, match="dst_score"):
        ops.additive_attention(graph, **scores | {"dst_score": normal(6, 1)}, etype=etype)
    with pytest.raises(NieError, match="etype is given without rel_score"):
        ops.additive_attention(graph, **scores | {"rel_score": None}, etype=etype)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-1, NUM_RELATIONS, 10**9])
@pytest.mark.parametrize("relational", ["pregat", "mul", "dot"])
def test_a_relation_that_does_not_exist_is_refused_before_it_is_read(bad: int, relational: str) -> None:
    graph, etype = small_graph()
    etype[3] = bad
    with pytest.raises(NieError, match=f"must be between 0 and {NUM_RELATIONS - 1}, the rows"):
        attend(relational, graph, etype, inputs(relational, graph, etype))


def test_relation_ids_are_integers() -> None:
    graph, etype = small_graph()
    with pytest.raises(NieError, match="etype must hold integers"):
        attend("mul", graph, etype.double(), inputs("mul", graph, etype))
