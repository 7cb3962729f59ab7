"""The fused attention kernels on the CPU: softmax, aggregation and their gradients over the edges of a range of rows.

A kernel works on the heads of one *tile*: ``heads`` heads of ``size`` values, the constants it is compiled for, which
start at head ``first_head`` of arrays with ``all_heads`` heads. All arrays are flat. Notation: j counts edges by
destination, i edges by source; ``to_src[j]`` is the i of the same edge.

A destination's *softmax state* are the maximum of its scores and the inverse of its sum of exponentials, so that the
weight of an edge is ``exp(score - maximum) * inverse``: the backward pass recomputes it from the score, which costs
less than reading a stored one. `pack` gathers all that the backward pass reads of a destination into one row.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numba
import numpy as np

from nie.ops.vectors import REVISION, exp, keep, load, maximum, positive, prefetch, spread, store, sum_heads, zeros

PLAIN, MUL, ADD, DOT = 0, 1, 2, 3
AHEAD = 6
"""Edges between asking for a row and using it. Rows lie at random places; a quarter of the time went into waiting."""


def _compiled(function: Any) -> Any:
    """Compile ``function`` at its first call and keep it on disk.

    Kernels may refer to names of this module but close over nothing but plain numbers: only then does numba find them
    again. It knows a kernel by its name and this file; the revision in the name tells changes of `nie.ops.vectors`.
    """
    function.__qualname__ += f"_{REVISION:x}"
    return numba.njit(nogil=True, cache=True, error_model="numpy")(function)


@_compiled
def _longest(first, last, offsets):
    """The largest number of edges of a row."""
    most = 0
    for node in range(first, last):
        most = max(most, offsets[node + 1] - offsets[node])
    return most


@_compiled
def _finish(node, start, stop, first_head, all_heads, ids, top, total, weights, state, attention, heads):
    """Write a destination's softmax state and, where they are asked for, the weights of its in-edges."""
    place = 2 * node * all_heads + first_head
    store(state, place, top)
    place += all_heads
    store(state, place, total)
    for h in range(heads):
        if state[place + h] != 0:  # without in-edges it stays 0
            state[place + h] = 1 / state[place + h]
        if len(attention):
            for j in range(stop - start):
                attention[ids[start + j] * all_heads + first_head + h] = weights[j * heads + h] * state[place + h]


@_compiled
def dropout(first, last, x, low, high, threshold, scale, out):
    """Multiply the elements from ``first`` up to ``last`` by their dropout factors; an element's place counts."""
    whole = first + (last - first) // 16 * 16
    for i in range(first, whole, 16):
        store(out, i, load(x, i, 16) * keep(i, low, high, threshold, scale, 16))
    for i in range(whole, last):
        store(out, i, load(x, i, 1) * keep(i, low, high, threshold, scale, 1))


@functools.cache
def dot_kernels(heads: int, size: int, mode: int) -> tuple[Any, Any, Any, Any]:
    """The kernels of :func:`nie.ops.dot_attention`: forward, pack, by_src and by_dst."""
    n, pitch = heads * size, 2 * heads * (size + 1)
    factor = 1.0 / math.sqrt(size)

    @_compiled
    def forward(
        first, last, first_head, all_heads, offsets, sources, ids, relations, q, k, v, w, low, high, threshold, scale,
        out, state, attention,
    ):  # fmt: skip
        width, column = all_heads * size, first_head * size
        scores = np.empty(_longest(first, last, offsets) * heads, q.dtype)
        for node in range(first, last):
            start, stop = offsets[node], offsets[node + 1]
            query = load(q, node * width + column, n) * factor
            top = zeros(q, heads) - np.inf
            for j in range(start, stop):
                prefetch(k, sources[min(j + AHEAD, len(sources) - 1)] * width + column, n)
                key = load(k, sources[j] * width + column, n)
                if mode == DOT:
                    key = key + load(w, relations[j] * width + column, n)
                score = sum_heads(query * key, heads)
                if mode == MUL:
                    score = score * load(w, relations[j] * all_heads + first_head, heads)
                elif mode == ADD:
                    score = score + load(w, relations[j] * all_heads + first_head, heads)
                top = maximum(score, top)
                store(scores, (j - start) * heads, score)
            total, row = zeros(q, heads), zeros(q, n)
            for j in range(start, stop):
                prefetch(v, sources[min(j + AHEAD, len(sources) - 1)] * width + column, n)
                weight = exp(load(scores, (j - start) * heads, heads) - top)
                total = total + weight
                if len(attention):
                    store(scores, (j - start) * heads, weight)
                if threshold:
                    weight = weight * keep(ids[j] * all_heads + first_head, low, high, threshold, scale, heads)
                row = row + spread(weight, n) * load(v, sources[j] * width + column, n)
            _finish(node, start, stop, first_head, all_heads, ids, top, total, scores, state, attention, heads)
            inverse = load(state, (2 * node + 1) * all_heads + first_head, heads)
            store(out, node * width + column, row * spread(inverse, n))

    @_compiled
    def pack(first, last, first_head, all_heads, q, out, state, g, extra, packed):
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
            store(packed, base + n, load(q, node * width + column, n) * factor)
            store(packed, base + 2 * n, load(state, 2 * node * all_heads + first_head, heads))
            store(packed, base + 2 * n + heads, mean)

    @_compiled
    def by_src(
        first, last, first_head, all_heads, offsets, destinations, ids, relations, packed, inverses, k, v, w,
        low, high, threshold, scale, grad_attention, grad_k, grad_v, grad_w, grad_s,
    ):  # fmt: skip
        width, column = all_heads * size, first_head * size
        for node in range(first, last):
            key, value = load(k, node * width + column, n), load(v, node * width + column, n)
            of_key, of_value = zeros(k, n), zeros(k, n)
            for i in range(offsets[node], offsets[node + 1]):
                prefetch(packed, destinations[min(i + AHEAD, len(destinations) - 1)] * pitch, pitch)
                base = destinations[i] * pitch
                grad, query = load(packed, base, n), load(packed, base + n, n)
                if mode == DOT:
                    raw = sum_heads(query * (key + load(w, relations[i] * width + column, n)), heads)
                else:
                    raw = sum_heads(query * key, heads)
                score = raw
                if mode == MUL:
                    score = raw * load(w, relations[i] * all_heads + first_head, heads)
                elif mode == ADD:
                    score = raw + load(w, relations[i] * all_heads + first_head, heads)
                weight = exp(score - load(packed, base + 2 * n, heads))
                of_weight, kept = sum_heads(grad * value, heads), weight
                if threshold:
                    factors = keep(ids[i] * all_heads + first_head, low, high, threshold, scale, heads)
                    of_weight, kept = of_weight * factors, weight * factors
                if len(grad_attention):
                    of_weight = of_weight + load(grad_attention, ids[i] * all_heads + first_head, heads) * load(
                        inverses, (2 * destinations[i] + 1) * all_heads + first_head, heads
                    )
                of_score = weight * (of_weight - load(packed, base + 2 * n + heads, heads))
                if mode == MUL:
                    place = relations[i] * all_heads + first_head
                    store(grad_w, place, load(grad_w, place, heads) + of_score * raw)
                    of_score = of_score * load(w, place, heads)
                elif mode == ADD:
                    place = relations[i] * all_heads + first_head
                    store(grad_w, place, load(grad_w, place, heads) + of_score)
                elif mode == DOT:
                    place = relations[i] * width + column
                    store(grad_w, place, load(grad_w, place, n) + spread(of_score, n) * query)
                store(grad_s, i * heads, of_score)
                of_value = of_value + spread(kept, n) * grad
                of_key = of_key + spread(of_score, n) * query
            store(grad_k, node * width + column, of_key)
            store(grad_v, node * width + column, of_value)

    @_compiled
    def by_dst(first, last, first_head, all_heads, offsets, sources, relations, to_src, k, w, grad_s, grad_q):
        width, column = all_heads * size, first_head * size
        for node in range(first, last):
            of_query = zeros(k, n)
            for j in range(offsets[node], offsets[node + 1]):
                key = load(k, sources[j] * width + column, n)
                if mode == DOT:
                    key = key + load(w, relations[j] * width + column, n)
                of_query = of_query + spread(load(grad_s, to_src[j] * heads, heads), n) * key
            store(grad_q, node * width + column, of_query * factor)

    return forward, pack, by_src, by_dst


@functools.cache
def additive_kernels(heads: int, size: int, relational: bool) -> tuple[Any, Any, Any]:
    """The kernels of :func:`nie.ops.additive_attention`: forward, pack and by_src.

    With c = 1 where the sum of the scores is positive and c = slope elsewhere (the slope of the LeakyReLU at the edge),
    the gradient of a destination's score is, by the softmax's derivative,
    ``g . sum(weight c value) - (g . out) sum(weight c)``. The two sums do not depend on g: the forward pass keeps them
    as ``slanted`` and ``mass`` (both not yet divided by the softmax's sum), and no array over the edges is needed.
    """
    n, pitch = heads * size, heads * (size + 3)

    @_compiled
    def forward(
        first, last, first_head, all_heads, offsets, sources, ids, relations, v, s, t, w, slope, low, high, threshold,
        scale, out, state, slanted, mass, attention,
    ):  # fmt: skip
        width, column = all_heads * size, first_head * size
        one = v.dtype.type(1)
        scores = np.empty(_longest(first, last, offsets) * heads, v.dtype)
        for node in range(first, last):
            start, stop = offsets[node], offsets[node + 1]
            own = load(t, node * all_heads + first_head, heads)
            top = zeros(v, heads) - np.inf
            for j in range(start, stop):
                score = own + load(s, sources[j] * all_heads + first_head, heads)
                if relational:
                    score = score + load(w, relations[j] * all_heads + first_head, heads)
                score = score * positive(score, one, slope)
                top = maximum(score, top)
                store(scores, (j - start) * heads, score)
            total, slope_mass, row, slant = zeros(v, heads), zeros(v, heads), zeros(v, n), zeros(v, n)
            for j in range(start, stop):
                prefetch(v, sources[min(j + AHEAD, len(sources) - 1)] * width + column, n)
                score = load(scores, (j - start) * heads, heads)
                weight = exp(score - top)
                total = total + weight
                if len(attention):
                    store(scores, (j - start) * heads, weight)
                steepness = positive(score, one, slope)
                slope_mass = slope_mass + weight * steepness
                if threshold:
                    weight = weight * keep(ids[j] * all_heads + first_head, low, high, threshold, scale, heads)
                value = load(v, sources[j] * width + column, n)
                row = row + spread(weight, n) * value
                if len(slanted):
                    slant = slant + spread(weight * steepness, n) * value
            _finish(node, start, stop, first_head, all_heads, ids, top, total, scores, state, attention, heads)
            inverse = load(state, (2 * node + 1) * all_heads + first_head, heads)
            store(out, node * width + column, row * spread(inverse, n))
            if len(slanted):
                store(slanted, node * width + column, slant)
                store(mass, node * all_heads + first_head, slope_mass)

    @_compiled
    def pack(first, last, first_head, all_heads, t, out, state, slanted, mass, g, extra, packed, grad_t):
        width, column = all_heads * size, first_head * size
        for node in range(first, last):
            head = node * all_heads + first_head
            inverse = load(state, (2 * node + 1) * all_heads + first_head, heads)
            grad = load(g, node * width + column, n) * spread(inverse, n)
            mean = sum_heads(grad * load(out, node * width + column, n), heads)
            if len(extra):
                mean = mean + inverse * load(extra, head, heads)
            base = node * pitch
            store(packed, base, grad)
            store(packed, base + n, load(t, head, heads))
            store(packed, base + n + heads, load(state, 2 * node * all_heads + first_head, heads))
            store(packed, base + n + 2 * heads, mean)
            of_slant = sum_heads(grad * load(slanted, node * width + column, n), heads)
            store(grad_t, head, of_slant - mean * load(mass, head, heads))

    @_compiled
    def by_src(
        first, last, first_head, all_heads, offsets, destinations, ids, relations, packed, inverses, v, s, w, slope,
        low, high, threshold, scale, grad_attention, grad_v, grad_s, grad_w, grad_e,
    ):  # fmt: skip
        width, column = all_heads * size, first_head * size
        one = v.dtype.type(1)
        for node in range(first, last):
            value, own = load(v, node * width + column, n), load(s, node * all_heads + first_head, heads)
            of_value, of_source = zeros(v, n), zeros(v, heads)
            for i in range(offsets[node], offsets[node + 1]):
                prefetch(packed, destinations[min(i + AHEAD, len(destinations) - 1)] * pitch, pitch)
                base = destinations[i] * pitch
                grad = load(packed, base, n)
                score = load(packed, base + n, heads) + own
                if relational:
                    score = score + load(w, relations[i] * all_heads + first_head, heads)
                steepness = positive(score, one, slope)
                weight = exp(score * steepness - load(packed, base + n + heads, heads))
                of_weight, kept = sum_heads(grad * value, heads), weight
                if threshold:
                    factors = keep(ids[i] * all_heads + first_head, low, high, threshold, scale, heads)
                    of_weight, kept = of_weight * factors, weight * factors
                if len(grad_attention):
                    of_weight = of_weight + load(grad_attention, ids[i] * all_heads + first_head, heads) * load(
                        inverses, (2 * destinations[i] + 1) * all_heads + first_head, heads
                    )
                of_score = weight * (of_weight - load(packed, base + n + 2 * heads, heads)) * steepness
                if relational:
                    place = relations[i] * all_heads + first_head
                    store(grad_w, place, load(grad_w, place, heads) + of_score)
                if len(grad_e):
                    store(grad_e, ids[i] * all_heads + first_head, of_score)
                of_source = of_source + of_score
                of_value = of_value + spread(kept, n) * grad
            store(grad_v, node * width + column, of_value)
            store(grad_s, node * all_heads + first_head, of_source)

    return forward, pack, by_src
