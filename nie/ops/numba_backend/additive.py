"""The kernels of :func:`nie.ops.additive_attention` on the CPU; `kernels` beside it says how they are called.

With c = 1 where the sum of the scores is positive and c = slope elsewhere (the slope of the LeakyReLU at the edge),
the gradient of a destination's score is, by the softmax's derivative,
``g . sum(weight c value) - (g . out) sum(weight c)``. The two sums do not depend on g: the forward pass keeps them
as ``slanted`` and ``mass`` (both not yet divided by the softmax's sum), and no array over the edges is needed.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nie.ops.numba_backend.kernels import AHEAD, compiled, exp_limited, finish, longest
from nie.ops.numba_backend.vectors import exp, keep, load, maximum, positive, prefetch, spread, store, sum_heads, zeros


@functools.cache
def additive_forward(heads: int, size: int, kind: str, weighted: bool) -> Any:
    """Softmax the scores over the in-edges and add up the values: ``out``, softmax state, ``slanted`` and ``mass``."""
    n = heads * size
    by_add = kind == "add"

    def forward(
        first, last, first_head, all_heads, offsets, sources, ids, relations, edge_weight, v, s, t, w, slope, low, high,
        threshold, scale, out, state, slanted, mass, attention,
    ):  # fmt: skip
        width, column = all_heads * size, first_head * size
        one = v.dtype.type(1)
        scores = np.empty(longest(first, last, offsets) * heads, v.dtype)
        for node in range(first, last):
            start, stop = offsets[node], offsets[node + 1]
            own = load(t, node * all_heads + first_head, heads)
            top = zeros(v, heads) - np.inf
            for j in range(start, stop):
                score = own + load(s, sources[j] * all_heads + first_head, heads)
                if by_add:
                    score = score + load(w, relations[j] * all_heads + first_head, heads)
                score = score * positive(score, one, slope)
                if not weighted or edge_weight[j] != 0:
                    top = maximum(score, top)
                store(scores, (j - start) * heads, score)
            total, slope_mass, row, slant = zeros(v, heads), zeros(v, heads), zeros(v, n), zeros(v, n)
            for j in range(start, stop):
                prefetch(v, sources[min(j + AHEAD, len(sources) - 1)] * width + column, n)
                score = load(scores, (j - start) * heads, heads)
                weight = exp(score - top)
                if weighted:
                    weight = weight * edge_weight[j] if edge_weight[j] != 0 else zeros(v, heads)
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
            finish(node, start, stop, first_head, all_heads, ids, top, total, scores, state, attention, heads)
            inverse = load(state, (2 * node + 1) * all_heads + first_head, heads)
            store(out, node * width + column, row * spread(inverse, n))
            if len(slanted):
                store(slanted, node * width + column, slant)
                store(mass, node * all_heads + first_head, slope_mass)

    return compiled(forward, heads, size, kind, weighted)


@functools.cache
def additive_pack(heads: int, size: int) -> Any:
    """What `additive_by_src` reads, a row for each destination: gradient, score, maximum, mean gradient, ``grad_t``."""
    n, pitch = heads * size, heads * (size + 3)

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

    return compiled(pack, heads, size)


@functools.cache
def additive_by_src(heads: int, size: int, kind: str, weighted: bool) -> Any:
    """Gradients of values, source scores, relations and edge weights over the out-edges."""
    n, pitch = heads * size, heads * (size + 3)
    by_add = kind == "add"

    def by_src(
        first, last, first_head, all_heads, offsets, destinations, ids, relations, edge_weight, packed, state, v, s, w,
        slope, low, high, threshold, scale, grad_attention, grad_v, grad_s, grad_w, grad_score, grad_e,
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
                if by_add:
                    score = score + load(w, relations[i] * all_heads + first_head, heads)
                steepness = positive(score, one, slope)
                if weighted:
                    weight = exp_limited(score * steepness, load(packed, base + n + heads, heads))
                else:
                    weight = exp(score * steepness - load(packed, base + n + heads, heads))
                of_weight, kept = sum_heads(grad * value, heads), weight
                if threshold:
                    factors = keep(ids[i] * all_heads + first_head, low, high, threshold, scale, heads)
                    of_weight, kept = of_weight * factors, weight * factors
                if len(grad_attention):
                    of_weight = of_weight + load(grad_attention, ids[i] * all_heads + first_head, heads) * load(
                        state, (2 * destinations[i] + 1) * all_heads + first_head, heads
                    )
                of_score = weight * (of_weight - load(packed, base + n + 2 * heads, heads))
                if weighted:
                    store(grad_e, i, load(grad_e, i, 1) + sum_heads(of_score, 1))
                    of_score, kept = of_score * edge_weight[i], kept * edge_weight[i]
                of_score = of_score * steepness
                if by_add:
                    place = relations[i] * all_heads + first_head
                    store(grad_w, place, load(grad_w, place, heads) + of_score)
                if len(grad_score):
                    store(grad_score, ids[i] * all_heads + first_head, of_score)
                of_source = of_source + of_score
                of_value = of_value + spread(kept, n) * grad
            store(grad_v, node * width + column, of_value)
            store(grad_s, node * all_heads + first_head, of_source)

    return compiled(by_src, heads, size, kind, weighted)
