"""In-edge attention on the CPU as fused kernels, compiled by numba: nothing of size E x D is ever allocated.

A forward pass walks the destinations' in-edges (CSC). The backward pass walks them again for the gradients of the
destinations and of the relations, and then the sources' out-edges (CSR) for the gradients of the sources, so that
no two threads ever write to one place: results are the same bits whatever the number of threads.

Kernels release the interpreter lock and run on plain threads over chunks of rows with about equally many edges. (A
second OpenMP pool beside torch's would compete with its spinning workers.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nie.dgl_compat import dgl
from nie.ops.numba_kernels import ADD, MUL, PLAIN, additive_kernels, dot_kernels
from nie.ops.prepared import Array, Prepared, int32_array, prepare


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
    out: Tensor = _Dot.apply(query, key, value, rel, _relations(prepared, etype), prepared, kind)  # type: ignore[no-untyped-call]
    return out


def additive_attention(
    graph: dgl.DGLGraph, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor | None,
    etype: Tensor | None, negative_slope: float,
) -> Tensor:  # fmt: skip
    """See :func:`nie.ops.additive_attention`, without dropout."""
    prepared = prepare(graph)
    if rel_score is None:
        rel_score = value.new_zeros(1, value.shape[1])
    relations = _relations(prepared, etype)
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
        out = np.zeros((len(q), heads, size), q.dtype)
        rows = out.reshape(len(q), heads * size)
        forward, _, _ = dot_kernels(heads, size, q.dtype == np.float32, kind)
        _run(
            prepared.dst_chunks, lambda a, b, _i: forward(a, b, offsets, sources, relations, q, k, v, w, weights, rows)
        )
        result = torch.from_numpy(out)
        ctx.save_for_backward(query, key, value, rel, result)
        ctx.rest = (weights, relations, prepared, kind)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, w, out = (_plain(tensor) for tensor in ctx.saved_tensors)
        weights, relations, prepared, kind = ctx.rest
        heads, size = grad.shape[1:]
        g = _plain(grad)
        _, by_dst, by_src = dot_kernels(heads, size, q.dtype == np.float32, kind)
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
        out = np.zeros((len(t), heads, size), v.dtype)
        rows = out.reshape(len(t), heads * size)
        forward, _, _ = additive_kernels(heads, size, v.dtype == np.float32, slope)
        _run(
            prepared.dst_chunks, lambda a, b, _i: forward(a, b, offsets, sources, relations, v, s, t, w, weights, rows)
        )
        result = torch.from_numpy(out)
        ctx.save_for_backward(value, src_score, dst_score, rel_score, result)
        ctx.rest = (weights, relations, prepared, slope)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        v, s, t, w, out = (_plain(tensor) for tensor in ctx.saved_tensors)
        weights, relations, prepared, slope = ctx.rest
        heads, size = grad.shape[1:]
        g = _plain(grad)
        _, by_dst, by_src = additive_kernels(heads, size, v.dtype == np.float32, slope)
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


def _relations(prepared: Prepared, etype: Tensor | None) -> Array:
    """Relation of every edge in the order of ``by_dst``."""
    if etype is None:
        return np.zeros(len(prepared.by_dst[1]), np.int32)
    return int32_array(etype[prepared.by_dst[2]])


def _plain(tensor: Tensor) -> Array:
    """A two-dimensional C-contiguous view, heads and sizes side by side."""
    array: Array = tensor.detach().contiguous().flatten(1).numpy()
    return array


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
