"""The kernels of :func:`nie.ops.dot_attention` on the CPU; see `nie.ops.numba_backend.kernels` for how they are called.

Queries, keys and values may be column ranges of wider arrays (one projection gives all three): ``q_pitch`` and
``kv_pitch`` are the elements from one of their rows to the next.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from nie.ops.numba_backend.kernels import AHEAD, compiled, exp_limited, finish, longest
from nie.ops.numba_backend.vectors import exp, keep, load, maximum, prefetch, spread, store, sum_heads, zeros


@functools.cache
def dot_forward(heads: int, size: int, kind: str, weighted: bool) -> Any:
    """Softmax the scores over the in-edges and add up the values: ``out`` and the softmax state."""
    n, factor = heads * size, 1.0 / math.sqrt(size)
    by_mul, by_add, by_dot = kind == "mul", kind == "add", kind == "dot"

    def forward(
        first, last, first_head, all_heads, q_pitch, kv_pitch, offsets, sources, ids, relations, edge_weight, q, k, v,
        w, low, high, threshold, scale, out, state, attention,
    ):  # fmt: skip
        width, column = all_heads * size, first_head * size
        scores = np.empty(longest(first, last, offsets) * heads, q.dtype)
        for node in range(first, last):
            start, stop = offsets[node], offsets[node + 1]
            query = load(q, node * q_pitch + column, n) * factor
            top = zeros(q, heads) - np.inf
            for j in range(start, stop):
                prefetch(k, sources[min(j + AHEAD, len(sources) - 1)] * kv_pitch + column, n)
                key = load(k, sources[j] * kv_pitch + column, n)
                if by_dot:
                    key = key + load(w, relations[j] * width + column, n)
                score = sum_heads(query * key, heads)
                if by_mul:
                    score = score * load(w, relations[j] * all_heads + first_head, heads)
                elif by_add:
                    score = score + load(w, relations[j] * all_heads + first_head, heads)
                if not weighted or edge_weight[j] != 0:
                    top = maximum(score, top)
                store(scores, (j - start) * heads, score)
            total, row = zeros(q, heads), zeros(q, n)
            for j in range(start, stop):
                prefetch(v, sources[min(j + AHEAD, len(sources) - 1)] * kv_pitch + column, n)
                weight = exp(load(scores, (j - start) * heads, heads) - top)
                if weighted:
                    weight = weight * edge_weight[j] if edge_weight[j] != 0 else zeros(q, heads)
                total = total + weight
                if len(attention):
                    store(scores, (j - start) * heads, weight)
                if threshold:
                    weight = weight * keep(ids[j] * all_heads + first_head, low, high, threshold, scale, heads)
                row = row + spread(weight, n) * load(v, sources[j] * kv_pitch + column, n)
            finish(node, start, stop, first_head, all_heads, ids, top, total, scores, state, attention, heads)
            inverse = load(state, (2 * node + 1) * all_heads + first_head, heads)
            store(out, node * width + column, row * spread(inverse, n))

    return compiled(forward, heads, size, kind, weighted)


@functools.cache
def dot_pack(heads: int, size: int) -> Any:
    """What `dot_by_src` reads, a row for each destination: gradient, query, maximum of the scores, mean gradient."""
    n, pitch, factor = heads * size, 2 * heads * (size + 1), 1.0 / math.sqrt(size)

    def pack(first, last, first_head, all_heads, q_pitch, q, out, state, g, extra, packed):
        width, column = all_heads * size, first_head * size
        for node in range(first, last):
            inverse = load(state, (2 * node + 1) * all_heads + first_head, heads)
            grad = load(g, node * width + column, n) * spread(inverse, n)
            # The weighted mean of the gradients of the weights is the gradient's product with the output.
            mean = sum_heads(grad * load(out, node * width + column, n), heads)
            if len(extra):
                mean = mean + inverse * load(extra, node * all_heads + first_head, heads)
            base = node * pitch
            store(packed, base, grad)
            store(packed, base + n, load(q, node * q_pitch + column, n) * factor)
            store(packed, base + 2 * n, load(state, 2 * node * all_heads + first_head, heads))
            store(packed, base + 2 * n + heads, mean)

    return compiled(pack, heads, size)


@functools.cache
def dot_by_src(heads: int, size: int, kind: str, weighted: bool) -> Any:
    """Gradients of keys, values, relations and edge weights over the out-edges, and of every edge's score."""
    n, pitch = heads * size, 2 * heads * (size + 1)
    by_mul, by_add, by_dot = kind == "mul", kind == "add", kind == "dot"

    def by_src(
        first, last, first_head, all_heads, kv_pitch, offsets, destinations, ids, relations, edge_weight, packed, state,
        k, v, w, low, high, threshold, scale, grad_attention, grad_k, grad_v, grad_w, grad_s, grad_e,
    ):  # fmt: skip
        width, column = all_heads * size, first_head * size
        for node in range(first, last):
            key, value = load(k, node * kv_pitch + column, n), load(v, node * kv_pitch + column, n)
            of_key, of_value = zeros(k, n), zeros(k, n)
            for i in range(offsets[node], offsets[node + 1]):
                prefetch(packed, destinations[min(i + AHEAD, len(destinations) - 1)] * pitch, pitch)
                base = destinations[i] * pitch
                grad, query = load(packed, base, n), load(packed, base + n, n)
                if by_dot:
                    raw = sum_heads(query * (key + load(w, relations[i] * width + column, n)), heads)
                else:
                    raw = sum_heads(query * key, heads)
                score = raw
                if by_mul:
                    score = raw * load(w, relations[i] * all_heads + first_head, heads)
                elif by_add:
                    score = raw + load(w, relations[i] * all_heads + first_head, heads)
                if weighted:
                    weight = exp_limited(score, load(packed, base + 2 * n, heads))
                else:
                    weight = exp(score - load(packed, base + 2 * n, heads))
                of_weight, kept = sum_heads(grad * value, heads), weight
                if threshold:
                    factors = keep(ids[i] * all_heads + first_head, low, high, threshold, scale, heads)
                    of_weight, kept = of_weight * factors, weight * factors
                if len(grad_attention):
                    of_weight = of_weight + load(grad_attention, ids[i] * all_heads + first_head, heads) * load(
                        state, (2 * destinations[i] + 1) * all_heads + first_head, heads
                    )
                of_score = weight * (of_weight - load(packed, base + 2 * n + heads, heads))
                if weighted:
                    store(grad_e, i, load(grad_e, i, 1) + sum_heads(of_score, 1))
                    of_score, kept = of_score * edge_weight[i], kept * edge_weight[i]
                if by_mul:
                    place = relations[i] * all_heads + first_head
                    store(grad_w, place, load(grad_w, place, heads) + of_score * raw)
                    of_score = of_score * load(w, place, heads)
                elif by_add:
                    place = relations[i] * all_heads + first_head
                    store(grad_w, place, load(grad_w, place, heads) + of_score)
                elif by_dot:
                    place = relations[i] * width + column
                    store(grad_w, place, load(grad_w, place, n) + spread(of_score, n) * query)
                store(grad_s, i * heads, of_score)
                of_value = of_value + spread(kept, n) * grad
                of_key = of_key + spread(of_score, n) * query
            store(grad_k, node * width + column, of_key)
            store(grad_v, node * width + column, of_value)

    return compiled(by_src, heads, size, kind, weighted)


@functools.cache
def dot_by_dst(heads: int, size: int, kind: str) -> Any:
    """Gradients of the queries, from those of the scores."""
    n, factor = heads * size, 1.0 / math.sqrt(size)
    by_dot = kind == "dot"

    def by_dst(first, last, first_head, all_heads, kv_pitch, offsets, sources, relations, to_src, k, w, grad_s, grad_q):
        width, column = all_heads * size, first_head * size
        for node in range(first, last):
            of_query = zeros(k, n)
            for j in range(offsets[node], offsets[node + 1]):
                key = load(k, sources[j] * kv_pitch + column, n)
                if by_dot:
                    key = key + load(w, relations[j] * width + column, n)
                of_query = of_query + spread(load(grad_s, to_src[j] * heads, heads), n) * key
            store(grad_q, node * width + column, of_query * factor)

    return compiled(by_dst, heads, size, kind)
