"""The fused attention kernels: softmax, aggregation and their gradients over the edges of a range of rows.

Heads and sizes are constants of the compiled kernels, so that the inner loops are unrolled into vector code; a kernel
is compiled once for each pair of them and kept on disk.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numba
import numpy as np

# Reassociation lets the compiler vectorise sums. NaN and infinity keep their meaning, so that a diverging run shows.
_JIT: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}
PLAIN, MUL, ADD = 0, 1, 2


@numba.njit(**_JIT)
def exp32(x):  # type: ignore[no-untyped-def]
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


# Inlined into each kernel, where its sizes are constants. A kernel may refer to functions of this module but must not
# close over them: numba finds a closure on disk again only if all that it captures are plain numbers.
@numba.njit(forceinline=True, **_JIT)
def _softmax_rows(start, stop, heads, size, single, sources, values, weights, out_row):  # type: ignore[no-untyped-def]
    """Turn the scores of one destination's in-edges into weights, and add up its sources' values."""
    for h in range(heads):
        top = weights[start, h]
        for j in range(start + 1, stop):
            top = max(top, weights[j, h])
        total = top - top
        for j in range(start, stop):
            if single:
                weights[j, h] = exp32(weights[j, h] - top)
            else:
                weights[j, h] = math.exp(weights[j, h] - top)
            total += weights[j, h]
        for j in range(start, stop):
            weights[j, h] /= total
    for j in range(start, stop):
        row = values[sources[j]]
        for h in range(heads):
            weight = weights[j, h]
            for d in range(size):
                out_row[h * size + d] += weight * row[h * size + d]


@functools.cache
def dot_kernels(heads: int, size: int, single: bool, kind: int) -> tuple[Any, Any, Any]:
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
            _softmax_rows(start, stop, heads, size, single, sources, v, weights, out[node])

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
def additive_kernels(heads: int, size: int, single: bool, slope: float) -> tuple[Any, Any, Any]:

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
            _softmax_rows(start, stop, heads, size, single, sources, v, weights, out[node])

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
