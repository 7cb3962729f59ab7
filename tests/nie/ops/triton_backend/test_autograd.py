"""What is particular to the kernels on the GPU: rows in several pieces, tensors and graph on different devices.

That they compute the same as DGL's on small graphs is in ../test_attention.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference.attention_kinds import KINDS, attend, gradients, inputs
from reference.graphs import NUM_RELATIONS, normal, random_graph
from stage_helpers import SMALL, store_synthetic
from torch import Tensor

from downstream.stages.importance import IMPORTANCE
from nie import ops
from nie.dgl_compat import dgl
from nie.ops.edge_index import prepare
from nie.ops.row_pieces import PIECE
from pretrain.stage import PRETRAINING

pytest.importorskip("triton", reason="triton is not installed: pip install 'nie[gpu]'")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
OTHERS = ["dgl", *(["numba"] if importlib.util.find_spec("numba") else [])]


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest) -> None:
    if DEVICE.type == "cpu":
        request.getfixturevalue("quick_interpreter")


def on_device(tensors: dict[str, Tensor], dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    return {name: tensor.detach().to(DEVICE, dtype).requires_grad_() for name, tensor in tensors.items()}


def hubs(scale: int = 1) -> tuple[dgl.DGLGraph, Tensor]:
    """A destination, a source and a relation with more edges than a piece; a node without edges; and edge types."""
    generator = torch.Generator().manual_seed(0)
    src, dst = (torch.randint(0, 10 * scale, (700 * scale,), generator=generator) for _ in range(2))
    dst[: 2 * PIECE + 1] = 3
    src[PIECE:] = 4
    etype = torch.randint(0, NUM_RELATIONS, (len(src),), generator=generator)
    etype[100:] = 1
    return dgl.graph((src, dst), num_nodes=10 * scale + 1), etype


def assert_equal_to_dgl(
    kind: str, graph: dgl.DGLGraph, etype: Tensor, sizes: tuple[int, int], dtype: torch.dtype, **options: Any
) -> None:
    """Compare output, attention and gradients with those of DGL on the CPU in float64."""
    exact = {name: tensor.requires_grad_() for name, tensor in inputs(kind, graph, etype, *sizes).items()}
    tensors = on_device(exact, dtype)
    expected = attend(kind, graph, etype, exact, backend="dgl", return_attention=True, **options)
    found = attend(kind, graph, etype.to(DEVICE), tensors, backend="triton", return_attention=True, **options)
    alone = attend(kind, graph, etype.to(DEVICE), tensors, backend="triton", **options)
    both = [(output * normal(*output.shape, seed=5).to(output.device)).sum() for output in (*expected, *found)]
    of_both = torch.autograd.grad(both[0] + both[1], list(exact.values()), retain_graph=True)
    pairs = [*zip(found, expected, strict=True), (alone, expected[0])]
    pairs += zip(torch.autograd.grad(both[2] + both[3], list(tensors.values())), of_both, strict=True)
    pairs += zip(gradients(alone.double(), tensors), gradients(expected[0], exact), strict=True)
    # In float32, DGL's own kernels are off by up to 1.2e-4 of the largest value where a row has 13,000 edges.
    relative, absolute = (1e-10, 1e-10) if dtype == torch.float64 else (1e-5, 1e-4)
    for have, want in pairs:
        assert have.device.type == DEVICE.type
        assert have.dtype == dtype
        largest = float(want.detach().abs().max())
        torch.testing.assert_close(have.double().cpu(), want, rtol=relative, atol=absolute * max(1.0, largest))


@pytest.mark.parametrize("kind", ["pregat", "mul", "dot"])
def test_rows_in_several_pieces(kind: str) -> None:
    graph, etype = hubs()
    assert prepare(graph, DEVICE).dst_pieces.num_parts >= 3
    assert_equal_to_dgl(kind, graph, etype, (2, 3), torch.float64, attn_drop=0.3, seed=2**63 - 5)


def test_several_groups_of_heads() -> None:
    graph, etype = random_graph()
    assert_equal_to_dgl("dot", graph, etype, (3, 65), torch.float64)


@pytest.mark.parametrize("seed", [0, 2**31, 2**62 - 1])
def test_every_backend_drops_the_same_weights(seed: int) -> None:
    graph, etype = random_graph()
    tensors = on_device(inputs("mul", graph, etype))
    options = {"attn_drop": 0.5, "seed": seed}
    found = attend("mul", graph, etype.to(DEVICE), tensors, backend="triton", **options).cpu()
    for other in OTHERS:
        elsewhere = {name: tensor.cpu() for name, tensor in tensors.items()}
        torch.testing.assert_close(attend("mul", graph, etype, elsewhere, backend=other, **options), found)


def test_relations_beyond_the_largest_that_occurs_have_no_gradient() -> None:
    graph, etype = random_graph()
    tensors = on_device(inputs("mul", graph, etype))
    out = attend("mul", graph, etype.clamp(max=1).to(DEVICE), tensors, backend="triton")
    (grad,) = torch.autograd.grad(out.sum(), tensors["rel"])
    assert grad.shape == tensors["rel"].shape
    assert (grad[:2] != 0).all()
    assert (grad[2:] == 0).all()


def test_what_diverges_shows_as_nan() -> None:
    graph, etype = random_graph()
    for name in ("value", "query"):
        tensors = on_device(inputs("mul", graph, etype))
        with torch.no_grad():
            tensors[name][2:] = float("nan")
        out = attend("mul", graph, etype.to(DEVICE), tensors, backend="triton")
        assert out[3].isnan().all()
        assert (out[:2] == 0).all()  # no in-edge


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(8, 8), (3, 5), (1, 200)])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_on_the_gpu(kind: str, sizes: tuple[int, int], dtype: torch.dtype) -> None:
    graph, etype = hubs(scale=20)
    assert_equal_to_dgl(kind, graph, etype, sizes, dtype)
    assert_equal_to_dgl(kind, graph, etype, sizes, dtype, attn_drop=0.4, seed=2**62 - 1)


@pytest.mark.cuda
@pytest.mark.parametrize("kind", KINDS)
def test_blocks_and_bits_on_the_gpu(kind: str) -> None:
    graph, etype = hubs(scale=20)
    tensors = on_device(inputs(kind, graph, etype, 8, 8), torch.float32)
    first, second = (gradients(attend(kind, graph, etype.to(DEVICE), tensors), tensors) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    seeds = torch.tensor([3, 10, 0])
    picked = dgl.in_subgraph(graph, seeds)
    block = dgl.to_block(picked, seeds)
    sources, targets = block.srcdata[dgl.NID].to(DEVICE), block.dstdata[dgl.NID].to(DEVICE)
    rows = {"value": sources, "key": sources, "src_score": sources, "query": targets, "dst_score": targets}
    local = {name: tensor[rows[name]] if name in rows else tensor for name, tensor in tensors.items()}
    relations = etype[picked.edata[dgl.EID][block.edata[dgl.EID]]].to(DEVICE)
    full = attend(kind, graph, etype.to(DEVICE), tensors)
    torch.testing.assert_close(attend(kind, block, relations, local), full[targets], rtol=1e-5, atol=1e-5)


@pytest.mark.cuda
@pytest.mark.parametrize("kind", KINDS)
def test_no_vector_is_copied_onto_the_edges_of_the_gpu(kind: str) -> None:
    heads, size, num_edges = 8, 64, 300_000
    graph, etype = random_graph(num_nodes=500, num_edges=num_edges)
    tensors = on_device(inputs(kind, graph, etype, heads, size), torch.float32)
    etype = etype.to(DEVICE)
    for _ in range(2):  # the first call prepares the graph
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        torch.autograd.grad(attend(kind, graph, etype, tensors).sum(), list(tensors.values()))
        extra = torch.cuda.max_memory_allocated() - before
    assert extra < num_edges * heads * size * 4 / 8


@pytest.mark.cuda
def test_without_being_asked_cuda_tensors_run_on_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIE_OPS_BACKEND", raising=False)
    assert ops.backend.choose_backend(torch.zeros(1, device=DEVICE)) == "triton"


@pytest.mark.cuda
def test_both_stages_on_the_gpu(tmp_path: Path) -> None:
    from downstream.stages.estimation import estimate
    from pretrain.licap import pretrain

    store_synthetic(tmp_path / "data")
    where = {"data_root": tmp_path / "data", "run_root": tmp_path / "runs"}
    settings = {**SMALL, "folds": {"run": [0]}, "device": "cuda"}
    first = pretrain(PRETRAINING.recipes.resolve(overrides={**settings, "loss": {"gamma": 0.2}}), **where)
    config = IMPORTANCE.recipes.resolve(overrides={**settings, "pretrained": str(first.path)})
    second = estimate(config, **where)
    assert np.isfinite(np.load(second.path / "fold0" / "predictions.npy")).all()
    assert np.isfinite(np.load(first.path / "fold0" / "structural" / "embeddings.npy")).all()
