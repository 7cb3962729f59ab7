"""In-edge attention on the CPU as fused kernels, compiled by numba: nothing of size E x D is ever allocated.

A forward pass walks the destinations' in-edges (CSC). The backward pass walks them again for the gradients of the
destinations and of the relations, and then the sources' out-edges (CSR) for the gradients of the sources, so that
no two threads ever write to one place: results are the same bits whatever the number of threads.

Kernels release the interpreter lock and run on plain threads over chunks of rows with about equally many edges. (A
second OpenMP pool beside torch's would compete with its spinning workers.)
"""

from __future__ import annotations

import functools
import itertools
import math
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from nie.dgl_compat import dgl

Array = np.ndarray[Any, Any]

# Reassociation lets the compiler vectorise sums. NaN and infinity keep their meaning, so that a diverging run shows.
_JIT: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}
_EDGES_PER_CHUNK = 20_000
_MAX_CHUNKS = 16

PLAIN, MUL, ADD = 0, 1, 2


@dataclass(frozen=True)
class Prepared:
    """A graph's edges by destination and by source.

    Attributes:
        by_dst: CSC offsets (N_dst + 1,), source of each edge (E,) and its edge id (E,).
        by_src: CSR offsets (N_src + 1,), destination of each edge (E,) and its position in ``by_dst``.
        dst_chunks, src_chunks: row ranges with about equally many edges; they depend on the graph alone.
    """

    by_dst: tuple[Array, Array, Tensor]
    by_src: tuple[Array, Array, Array]
    dst_chunks: list[tuple[int, int]]
    src_chunks: list[tuple[int, int]]


_PREPARED: weakref.WeakKeyDictionary[dgl.DGLGraph, Prepared] = weakref.WeakKeyDictionary()


def prepare(graph: dgl.DGLGraph) -> Prepared:
    """Prepare ``graph`` once; the result is forgotten with the graph."""
    found = _PREPARED.get(graph)
    if found is None or len(found.by_dst[1]) != graph.num_edges():
        dst_offsets, sources, ids = graph.adj_tensors("csc")
        src_offsets, destinations, src_ids = graph.adj_tensors("csr")
        position = torch.empty_like(ids)
        position[ids] = torch.arange(len(ids), dtype=ids.dtype)
        found = Prepared(
            by_dst=(_integers(dst_offsets), _integers(sources), ids.long()),
            by_src=(_integers(src_offsets), _integers(destinations), _integers(position[src_ids])),
            dst_chunks=_chunks(dst_offsets.numpy()),
            src_chunks=_chunks(src_offsets.numpy()),
        )
        _PREPARED[graph] = found
    return found


def dot_attention(
    graph: dgl.DGLGraph, query: Tensor, key: Tensor, value: Tensor, rel: Tensor | None, etype: Tensor | None, mode: str
) -> Tensor:
    """See :func:`nie.ops.dot_attention`; every mode but ``dot``, without dropout."""
    prepared = prepare(graph)
    kind = PLAIN if rel is None else ADD if mode == "add" else MUL
    if rel is None:
        rel = query.new_ones(1, query.shape[1])
    elif mode == "gate":
        rel = rel.sigmoid()
    out: Tensor = _Dot.apply(query, key, value, rel, _relations(prepared, etype, len(rel)), prepared, kind)  # type: ignore[no-untyped-call]
    return out


def additive_attention(
    graph: dgl.DGLGraph, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor | None,
    etype: Tensor | None, negative_slope: float,
) -> Tensor:  # fmt: skip
    """See :func:`nie.ops.additive_attention`, without dropout."""
    prepared = prepare(graph)
    if rel_score is None:
        rel_score = value.new_zeros(1, value.shape[1])
    relations = _relations(prepared, etype, len(rel_score))
    out: Tensor = _Additive.apply(value, src_score, dst_score, rel_score, relations, prepared, negative_slope)  # type: ignore[no-untyped-call]
    return out


class _Dot(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        rel: Tensor,
        relations: Array,
        prepared: Prepared,
        kind: int,
    ) -> Tensor:
        q, k, v, w = (_plain(tensor) for tensor in (query, key, value, rel))
        heads, size = query.shape[1:]
        offsets, sources, _ = prepared.by_dst
        weights = np.empty((len(sources), heads), q.dtype)
        out = np.zeros((len(q), heads * size), q.dtype)
        forward, _, _ = _dot_kernels(heads, size, q.dtype == np.float32, kind)
        _run(prepared.dst_chunks, lambda a, b, _i: forward(a, b, offsets, sources, relations, q, k, v, w, weights, out))
        ctx.save_for_backward(query, key, value, rel)
        ctx.rest = (weights, out, relations, prepared, kind)
        return torch.from_numpy(out).view(-1, heads, size)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, w = (_plain(tensor) for tensor in ctx.saved_tensors)
        weights, out, relations, prepared, kind = ctx.rest
        heads, size = grad.shape[1:]
        g = _plain(grad)
        _, by_dst, by_src = _dot_kernels(heads, size, q.dtype == np.float32, kind)
        grad_q, grad_k, grad_v = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        grad_w = np.zeros((len(prepared.dst_chunks), *w.shape), w.dtype)
        grad_s = np.empty_like(weights)
        offsets, sources, _ = prepared.by_dst
        _run(
            prepared.dst_chunks,
            lambda a, b, i: by_dst(
                a, b, offsets, sources, relations, q, k, v, w, weights, out, g, grad_q, grad_w[i], grad_s
            ),
        )
        offsets, destinations, position = prepared.by_src
        _run(
            prepared.src_chunks,
            lambda a, b, _i: by_src(a, b, offsets, destinations, position, q, weights, g, grad_s, grad_k, grad_v),
        )
        shaped = (torch.from_numpy(array).view(-1, heads, size) for array in (grad_q, grad_k, grad_v))
        return (*shaped, torch.from_numpy(grad_w.sum(axis=0)), None, None, None)


class _Additive(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor, relations: Array,
        prepared: Prepared, slope: float,
    ) -> Tensor:  # fmt: skip
        v, s, t, w = (_plain(tensor) for tensor in (value, src_score, dst_score, rel_score))
        heads, size = value.shape[1:]
        offsets, sources, _ = prepared.by_dst
        weights = np.empty((len(sources), heads), v.dtype)
        out = np.zeros((len(t), heads * size), v.dtype)
        forward, _, _ = _additive_kernels(heads, size, v.dtype == np.float32, slope)
        _run(prepared.dst_chunks, lambda a, b, _i: forward(a, b, offsets, sources, relations, v, s, t, w, weights, out))
        ctx.save_for_backward(value, src_score, dst_score, rel_score)
        ctx.rest = (weights, out, relations, prepared, slope)
        return torch.from_numpy(out).view(-1, heads, size)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        v, s, t, w = (_plain(tensor) for tensor in ctx.saved_tensors)
        weights, out, relations, prepared, slope = ctx.rest
        heads, size = grad.shape[1:]
        g = _plain(grad)
        _, by_dst, by_src = _additive_kernels(heads, size, v.dtype == np.float32, slope)
        grad_v, grad_s, grad_t = np.zeros_like(v), np.zeros_like(s), np.zeros_like(t)
        grad_w = np.zeros((len(prepared.dst_chunks), *w.shape), w.dtype)
        grad_e = np.empty_like(weights)
        offsets, sources, _ = prepared.by_dst
        _run(
            prepared.dst_chunks,
            lambda a, b, i: by_dst(
                a, b, offsets, sources, relations, v, s, t, w, weights, out, g, grad_t, grad_w[i], grad_e
            ),
        )
        offsets, destinations, position = prepared.by_src
        _run(
            prepared.src_chunks,
            lambda a, b, _i: by_src(a, b, offsets, destinations, position, weights, g, grad_e, grad_v, grad_s),
        )
        grads = (torch.from_numpy(grad_v).view(-1, heads, size), *map(torch.from_numpy, (grad_s, grad_t)))
        return (*grads, torch.from_numpy(grad_w.sum(axis=0)), None, None, None)


# Heads and sizes are constants of the compiled kernels, so that the inner loops are unrolled into vector code.


@numba.njit(**_JIT)
def _exp32(x):  # type: ignore[no-untyped-def]
    """Exponential of a float32 that is not positive, to 2e-7 relative, as plain arithmetic that vectorises.

    ``x = n log 2 + r`` with ``|r| <= log(2) / 2``; a polynomial gives ``exp(r)`` and the exponent's bits ``2^n``.
    """
    x = max(x, np.float32(-87.0))
    n = np.int32(np.floor(x * np.float32(1.44269504) + np.float32(0.5)))
    whole = np.float32(n)
    # log 2 in two parts, the first exact in few bits, so that the subtraction loses nothing.
    r = x - whole * np.float32(0.693359375) - whole * np.float32(-2.12194440e-4)
    p = np.float32(1.0 / 5040)
    p = p * r + np.float32(1.0 / 720)
    p = p * r + np.float32(1.0 / 120)
    p = p * r + np.float32(1.0 / 24)
    p = p * r + np.float32(1.0 / 6)
    p = p * r + np.float32(0.5)
    p = p * r * r + r + np.float32(1.0)
    return p * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@functools.cache
def _softmax_rows(heads: int, size: int, single: bool) -> Any:
    """Turn the scores of one destination's in-edges into weights, and add up its sources' values."""
    exp = _exp32 if single else math.exp

    @numba.njit(**_JIT)
    def softmax_rows(start, stop, sources, values, weights, out_row):  # type: ignore[no-untyped-def]
        for h in range(heads):
            top = weights[start, h]
            for j in range(start + 1, stop):
                top = max(top, weights[j, h])
            total = top - top
            for j in range(start, stop):
                weights[j, h] = exp(weights[j, h] - top)
                total += weights[j, h]
            for j in range(start, stop):
                weights[j, h] /= total
        for j in range(start, stop):
            row = values[sources[j]]
            for h in range(heads):
                weight = weights[j, h]
                for d in range(size):
                    out_row[h * size + d] += weight * row[h * size + d]

    return softmax_rows


@functools.cache
def _dot_kernels(heads: int, size: int, single: bool, kind: int) -> tuple[Any, Any, Any]:
    softmax_rows = _softmax_rows(heads, size, single)
    scale = 1.0 / math.sqrt(size)

    @numba.njit(**_JIT)
    def forward(first, last, offsets, sources, relations, q, k, v, w, weights, out):  # type: ignore[no-untyped-def]
        factor = w.dtype.type(scale)
        for node in range(first, last):
            start, stop = offsets[node], offsets[node + 1]
            if start == stop:
                continue
            query = q[node]
            for j in range(start, stop):
                key, r = k[sources[j]], relations[j]
                for h in range(heads):
                    score = factor - factor
                    for d in range(size):
                        score += query[h * size + d] * key[h * size + d]
                    score *= factor
                    if kind == MUL:
                        score *= w[r, h]
                    elif kind == ADD:
                        score += w[r, h]
                    weights[j, h] = score
            softmax_rows(start, stop, sources, v, weights, out[node])

    @numba.njit(**_JIT)
    def by_dst(  # type: ignore[no-untyped-def]
        first, last, offsets, sources, relations, q, k, v, w, weights, out, g, grad_q, grad_w, grad_s
    ):
        factor = w.dtype.type(scale)
        mean = np.empty(heads, w.dtype)
        for node in range(first, last):
            query, grad, row = q[node], g[node], grad_q[node]
            for h in range(heads):
                # The weighted mean of the gradients of the weights is the gradient's product with the output.
                mean[h] = 0
                for d in range(size):
                    mean[h] += grad[h * size + d] * out[node, h * size + d]
            for j in range(offsets[node], offsets[node + 1]):
                key, value, r = k[sources[j]], v[sources[j]], relations[j]
                for h in range(heads):
                    of_weight, score = factor - factor, factor - factor
                    for d in range(size):
                        of_weight += grad[h * size + d] * value[h * size + d]
                        score += query[h * size + d] * key[h * size + d]
                    of_score = weights[j, h] * (of_weight - mean[h])
                    if kind == MUL:
                        grad_w[r, h] += of_score * score * factor
                        of_score *= w[r, h]
                    elif kind == ADD:
                        grad_w[r, h] += of_score
                    of_score *= factor
                    grad_s[j, h] = of_score
                    for d in range(size):
                        row[h * size + d] += of_score * key[h * size + d]

    @numba.njit(**_JIT)
    def by_src(first, last, offsets, destinations, position, q, weights, g, grad_s, grad_k, grad_v):  # type: ignore[no-untyped-def]
        for node in range(first, last):
            of_key, of_value = grad_k[node], grad_v[node]
            for i in range(offsets[node], offsets[node + 1]):
                query, grad, j = q[destinations[i]], g[destinations[i]], position[i]
                for h in range(heads):
                    weight, of_score = weights[j, h], grad_s[j, h]
                    for d in range(size):
                        of_value[h * size + d] += weight * grad[h * size + d]
                        of_key[h * size + d] += of_score * query[h * size + d]

    return forward, by_dst, by_src


@functools.cache
def _additive_kernels(heads: int, size: int, single: bool, slope: float) -> tuple[Any, Any, Any]:
    softmax_rows = _softmax_rows(heads, size, single)

    @numba.njit(**_JIT)
    def forward(first, last, offsets, sources, relations, v, s, t, w, weights, out):  # type: ignore[no-untyped-def]
        below = w.dtype.type(slope)
        for node in range(first, last):
            start, stop = offsets[node], offsets[node + 1]
            if start == stop:
                continue
            for j in range(start, stop):
                for h in range(heads):
                    score = s[sources[j], h] + t[node, h] + w[relations[j], h]
                    weights[j, h] = score if score > 0 else below * score
            softmax_rows(start, stop, sources, v, weights, out[node])

    @numba.njit(**_JIT)
    def by_dst(  # type: ignore[no-untyped-def]
        first, last, offsets, sources, relations, v, s, t, w, weights, out, g, grad_t, grad_w, grad_e
    ):
        below = w.dtype.type(slope)
        mean = np.empty(heads, w.dtype)
        for node in range(first, last):
            grad = g[node]
            for h in range(heads):
                mean[h] = 0
                for d in range(size):
                    mean[h] += grad[h * size + d] * out[node, h * size + d]
            for j in range(offsets[node], offsets[node + 1]):
                u, r = sources[j], relations[j]
                for h in range(heads):
                    of_weight = below - below
                    for d in range(size):
                        of_weight += grad[h * size + d] * v[u, h * size + d]
                    of_score = weights[j, h] * (of_weight - mean[h])
                    if s[u, h] + t[node, h] + w[r, h] <= 0:
                        of_score *= below
                    grad_e[j, h] = of_score
                    grad_t[node, h] += of_score
                    grad_w[r, h] += of_score

    @numba.njit(**_JIT)
    def by_src(first, last, offsets, destinations, position, weights, g, grad_e, grad_v, grad_s):  # type: ignore[no-untyped-def]
        for node in range(first, last):
            of_value = grad_v[node]
            for i in range(offsets[node], offsets[node + 1]):
                grad, j = g[destinations[i]], position[i]
                for h in range(heads):
                    weight = weights[j, h]
                    grad_s[node, h] += grad_e[j, h]
                    for d in range(size):
                        of_value[h * size + d] += weight * grad[h * size + d]

    return forward, by_dst, by_src


def _relations(prepared: Prepared, etype: Tensor | None, num_relations: int) -> Array:
    """Relation of every edge in the order of ``by_dst``; the kernels do not check them, so they are checked here."""
    if etype is None:
        return np.zeros(len(prepared.by_dst[1]), np.int32)
    if len(etype) and not 0 <= int(etype.min()) <= int(etype.max()) < num_relations:
        raise IndexError(
            f"etype holds {int(etype.min())} to {int(etype.max())}, but there are {num_relations} relations"
        )
    return _integers(etype[prepared.by_dst[2]])


def _plain(tensor: Tensor) -> Array:
    """A two-dimensional C-contiguous view, heads and sizes side by side."""
    array: Array = tensor.detach().contiguous().flatten(1).numpy()
    return array


def _integers(tensor: Tensor) -> Array:
    array: Array = tensor.to(torch.int32).contiguous().numpy()
    return array


def _chunks(offsets: Array) -> list[tuple[int, int]]:
    count = int(min(_MAX_CHUNKS, max(1, offsets[-1] // _EDGES_PER_CHUNK)))
    bounds = np.searchsorted(offsets, np.linspace(0, offsets[-1], count + 1)[1:-1])
    edges = [0, *bounds.tolist(), len(offsets) - 1]
    return list(itertools.pairwise(edges))


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="nie-ops")


def _run(chunks: list[tuple[int, int]], kernel: Callable[..., Any]) -> None:
    """Run ``kernel(first row, last row, number of the chunk)`` on every chunk."""
    threads = min(torch.get_num_threads(), len(chunks))
    if threads == 1:
        for i, (first, last) in enumerate(chunks):
            kernel(first, last, i)
    else:
        for _ in _pool(threads).map(lambda item: kernel(*item[1], item[0]), enumerate(chunks)):
            pass
