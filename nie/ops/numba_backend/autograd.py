"""In-edge attention on the CPU as fused kernels, compiled by numba: nothing of size E x D is ever allocated.

A forward pass walks the destinations' in-edges (CSC). The backward pass walks the sources' out-edges (CSR) for the
gradients of the sources and of the relations, and for `dot_attention` the in-edges once more for those of the queries.
No two threads ever write to one place, and sums over relations are made for fixed chunks of rows: results are the same
bits whatever the number of threads.

Saved for backward are the inputs, the output and two numbers for each destination and head; the weights of the edges
are recomputed. (`additive_attention` saves one more row for each destination, see `nie.ops.numba_backend.additive`.)
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nie.arrays import Array
from nie.dgl_compat import dgl
from nie.ops.call import Call, make_call
from nie.ops.drop_pattern import split_seed, threshold
from nie.ops.numba_backend import kernels as numba_kernels
from nie.ops.numba_backend.additive import additive_by_src, additive_forward, additive_pack
from nie.ops.numba_backend.arrays import arrays, by_id, flat, in_order, num_tables, shaped, tiles
from nie.ops.numba_backend.dot import dot_by_dst, dot_by_src, dot_forward, dot_pack
from nie.ops.numba_backend.threads import PerChunk, run

_VALUES_PER_PART, _MAX_PARTS = 100_000, 16


def dot_attention(
    graph: dgl.DGLGraph, query: Tensor, key: Tensor, value: Tensor, rel: Tensor | None, etype: Tensor | None, mode: str,
    attn_drop: float, seed: int, return_attention: bool, edge_weight: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """See :func:`nie.ops.dot_attention`."""
    call = make_call(graph, etype, query.device, mode, 0.0, attn_drop, seed, return_attention)
    out, attention = _Dot.apply(query, key, value, rel, edge_weight, call)  # type: ignore[no-untyped-call]
    return out, attention


def additive_attention(
    graph: dgl.DGLGraph, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor | None,
    etype: Tensor | None, negative_slope: float, attn_drop: float, seed: int, return_attention: bool,
    edge_weight: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """See :func:`nie.ops.additive_attention`."""
    call = make_call(graph, etype, value.device, "add", negative_slope, attn_drop, seed, return_attention)
    inputs = value, src_score, dst_score, rel_score, edge_weight
    out, attention = _Additive.apply(*inputs, call)  # type: ignore[no-untyped-call]
    return out, attention


def dropout(x: Tensor, probability: float, seed: int) -> Tensor:
    """See :func:`nie.ops.dropout`."""
    out: Tensor = _Dropout.apply(x, probability, seed)  # type: ignore[no-untyped-call]
    return out


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float, seed: int) -> Tensor:
        ctx.rest = probability, seed
        return _dropped(x, probability, seed)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _Dropout.apply(grad, *ctx.rest), None, None  # type: ignore[no-untyped-call]


def _dropped(x: Tensor, probability: float, seed: int) -> Tensor:
    values = flat(x)
    out = np.empty_like(values)
    bounds = np.linspace(0, len(values), 1 + min(_MAX_PARTS, 1 + len(values) // _VALUES_PER_PART), dtype=np.int64)
    scale = values.dtype.type(1 / (1 - probability))
    parts = list(itertools.pairwise(bounds.tolist()))
    run(numba_kernels.dropout, parts, values, *split_seed(seed), threshold(probability), scale, out)
    return shaped(out, x)


class _Dot(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, rel: Tensor | None, edge_weight: Tensor | None, call: Call
    ) -> tuple[Tensor, Tensor | None]:
        _, heads, size = query.shape
        q_pitch, q = _pitched(query)
        kv_pitch, k, v = _pitched(key, value)
        rows, w = call.prepared.by_dst, flat(rel, like=query)
        out, state = np.empty(query.numel(), q.dtype), np.empty(2 * len(query) * heads, q.dtype)
        attention = np.empty(len(rows.ids) * heads if call.weights else 0, q.dtype)
        edges = (*arrays(rows), _relations(call, "by_dst"), in_order(edge_weight, rows.ids, like=query))
        for tile, first_head in tiles(heads, size):
            run(
                dot_forward(tile, size, call.kind, edge_weight is not None), call.prepared.dst_chunks, first_head,
                heads, q_pitch, kv_pitch, *edges, q, k, v, w, *_dropout(call, q), out, state, attention,
            )  # fmt: skip
        return _save(ctx, call, out, state, attention, query, key, value, rel, edge_weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, grad_attention: Tensor | None) -> tuple[Tensor | None, ...]:
        query, key, value, rel, edge_weight, result, state, attention = ctx.saved_tensors
        call: Call = ctx.call
        prepared, kind = call.prepared, call.kind
        _, heads, size = query.shape
        q_pitch, q = _pitched(query)
        kv_pitch, k, v = _pitched(key, value)
        g, out = flat(torch.zeros_like(result) if grad is None else grad), flat(result)
        w, softmax = flat(rel, like=query), flat(state)
        of_weights, extra = _weight_gradients(call, attention, grad_attention, like=query)
        grad_k, grad_v = (np.empty(part.numel(), q.dtype) for part in (key, value))
        chunks = prepared.src_chunks(num_tables(len(prepared.by_dst.ids), rel, heads))
        grad_w = np.zeros((len(chunks), len(w)), q.dtype)
        ids = prepared.by_src.ids
        out_edges = (*arrays(prepared.by_src), _relations(call, "by_src"), in_order(edge_weight, ids, like=query))
        grad_e = np.zeros(len(out_edges[-1]), q.dtype)
        in_edges = (*arrays(prepared.by_dst)[:2], _relations(call, "by_dst" if kind == "dot" else None))
        for tile, first in tiles(heads, size):
            packed = np.empty(len(query) * 2 * tile * (size + 1), q.dtype)
            grad_s = np.empty(len(prepared.by_dst.ids) * tile, q.dtype)
            run(dot_pack(tile, size), prepared.dst_chunks, first, heads, q_pitch, q, out, softmax, g, extra, packed)
            run(
                dot_by_src(tile, size, kind, edge_weight is not None), chunks, first, heads, kv_pitch, *out_edges,
                packed, softmax, k, v, w, *_dropout(call, q), of_weights, grad_k, grad_v, PerChunk(grad_w), grad_s,
                grad_e,
            )  # fmt: skip
            del packed  # freed before more is allocated, as the peak of memory is here
            if first == 0:
                grad_q = np.empty(query.numel(), q.dtype)
            run(
                dot_by_dst(tile, size, kind), prepared.dst_chunks, first, heads, kv_pitch, *in_edges,
                prepared.to_src.numpy(), k, w, grad_s, grad_q,
            )  # fmt: skip
        grads = (shaped(array, like) for array, like in ((grad_q, query), (grad_k, key), (grad_v, value)))
        of_relations = None if rel is None else shaped(grad_w.sum(axis=0), rel)
        return (*grads, of_relations, by_id(grad_e, edge_weight, ids), None)


class _Additive(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        value: Tensor,
        src_score: Tensor,
        dst_score: Tensor,
        rel_score: Tensor | None,
        edge_weight: Tensor | None,
        call: Call,
    ) -> tuple[Tensor, Tensor | None]:
        _, heads, size = value.shape
        v, s, t, w = flat(value), flat(src_score), flat(dst_score), flat(rel_score, like=value)
        rows = call.prepared.by_dst
        out, state = np.empty(len(t) * size, v.dtype), np.empty(2 * len(t), v.dtype)
        training = any(ctx.needs_input_grad)
        slanted, mass = np.empty(len(out) if training else 0, v.dtype), np.empty(len(t) if training else 0, v.dtype)
        attention = np.empty(len(rows.ids) * heads if call.weights else 0, v.dtype)
        edges = (*arrays(rows), _relations(call, "by_dst"), in_order(edge_weight, rows.ids, like=value))
        slope = v.dtype.type(call.slope)
        for tile, first_head in tiles(heads, size):
            run(
                additive_forward(tile, size, call.kind, edge_weight is not None), call.prepared.dst_chunks, first_head,
                heads, *edges, v, s, t, w, slope, *_dropout(call, v), out, state, slanted, mass, attention,
            )  # fmt: skip
        kept = torch.from_numpy(slanted), torch.from_numpy(mass)
        return _save(ctx, call, out, state, attention, value, src_score, dst_score, rel_score, edge_weight, *kept)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, grad_attention: Tensor | None) -> tuple[Tensor | None, ...]:
        value, src_score, dst_score, rel_score, edge_weight, slanted, mass, *made = ctx.saved_tensors
        result, state, attention = made
        call: Call = ctx.call
        prepared, kind = call.prepared, call.kind
        _, heads, size = value.shape
        g, out = flat(torch.zeros_like(result) if grad is None else grad), flat(result)
        v, s, t, softmax = (flat(part) for part in (value, src_score, dst_score, state))
        w, slope = flat(rel_score, like=value), v.dtype.type(call.slope)
        of_weights, extra = _weight_gradients(call, attention, grad_attention, like=value)
        grad_v, grad_s, grad_t, grad_score = (np.empty_like(part) for part in (v, s, t, of_weights))
        chunks = prepared.src_chunks(num_tables(len(prepared.by_dst.ids), rel_score, heads))
        grad_w = np.zeros((len(chunks), len(w)), v.dtype)
        ids = prepared.by_src.ids
        out_edges = (*arrays(prepared.by_src), _relations(call, "by_src"), in_order(edge_weight, ids, like=value))
        grad_e = np.zeros(len(out_edges[-1]), v.dtype)
        for tile, first in tiles(heads, size):
            packed = np.empty(len(dst_score) * tile * (size + 3), v.dtype)
            run(
                additive_pack(tile, size), prepared.dst_chunks, first, heads, t, out, softmax, flat(slanted),
                flat(mass), g, extra, packed, grad_t,
            )  # fmt: skip
            run(
                additive_by_src(tile, size, kind, edge_weight is not None), chunks, first, heads, *out_edges, packed,
                softmax, v, s, w, slope, *_dropout(call, v), of_weights, grad_v, grad_s, PerChunk(grad_w), grad_score,
                grad_e,
            )  # fmt: skip
        of_destinations = shaped(grad_t, dst_score)
        if len(grad_score):  # the closed form lacks the gradient that came through the returned weights
            of_destinations = _sum_by_dst(call, torch.from_numpy(grad_score).view(-1, heads))
        grads = (shaped(grad_v, value), shaped(grad_s, src_score), of_destinations)
        of_relations = None if rel_score is None else shaped(grad_w.sum(axis=0), rel_score)
        return (*grads, of_relations, by_id(grad_e, edge_weight, ids), None)


def _save(
    ctx: Any, call: Call, out: Array, state: Array, attention: Array, *inputs: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Keep for the backward pass what it needs, and return the outputs."""
    first = inputs[0]
    assert first is not None
    heads, size = first.shape[1:]
    result = torch.from_numpy(out).view(-1, heads, size)
    weights = torch.from_numpy(attention).view(-1, heads) if call.weights else None
    # Through autograd, which notices when one of them is changed in place.
    ctx.save_for_backward(*inputs, result, torch.from_numpy(state).view(-1, 2 * heads), weights)
    ctx.call = call
    ctx.set_materialize_grads(False)
    return result, weights


def _weight_gradients(
    call: Call, attention: Tensor | None, grad: Tensor | None, *, like: Tensor
) -> tuple[Array, Array]:
    """The gradient of the returned weights (E, H), and its weighted sum at every destination (N_dst, H)."""
    if attention is None or grad is None:
        empty = np.empty(0, flat(like).dtype)
        return empty, empty
    return flat(grad), flat(_sum_by_dst(call, attention * grad))


def _sum_by_dst(call: Call, by_edge: Tensor) -> Tensor:
    """Sum (E, H) over the in-edges of every destination, (N_dst, H)."""
    offsets, _, ids = call.prepared.by_dst
    rows = torch.repeat_interleave(torch.arange(len(offsets) - 1, device="cpu"), offsets.diff())
    return by_edge.new_zeros(len(offsets) - 1, by_edge.shape[1]).index_add(0, rows, by_edge[ids.long()])


def _relations(call: Call, order: str | None) -> Array:
    if call.relations is None or order is None:
        return np.empty(0, np.int32)
    array: Array = getattr(call.relations, order).numpy()
    return array


def _pitched(*tensors: Tensor) -> tuple[Any, ...]:
    """The distance between the rows of (N, H, D) tensors and the flat rows, without a copy where they agree."""
    heads, size = tensors[0].shape[1:]
    pitch = tensors[0].stride(0)
    if pitch < heads * size or any(len(part) < 2 or part.stride() != (pitch, size, 1) for part in tensors):
        return heads * size, *(flat(part) for part in tensors)
    lengths = ((len(part) - 1) * pitch + heads * size for part in tensors)
    rows = (part.detach().as_strided((length,), (1,)) for part, length in zip(tensors, lengths, strict=True))
    return pitch, *(part.numpy() for part in rows)


def _dropout(call: Call, like: Array) -> tuple[Any, ...]:
    return (*split_seed(call.seed), threshold(call.attn_drop), like.dtype.type(1 / (1 - call.attn_drop)))
