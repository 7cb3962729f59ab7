"""The kernels of :func:`nie.ops.complex_distance` on the CPU; `nie.ops.numba_backend.kernels` says how to call them.

Rows are flat, the ``size`` real parts before the ``size`` imaginary ones. A kernel works on one tile of dimensions:
``n`` of them from ``column`` on. A distance is the sum over tiles.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nie.ops.numba_backend.arrays import flat, shaped
from nie.ops.numba_backend.kernels import compiled
from nie.ops.numba_backend.threads import PerChunk, run
from nie.ops.numba_backend.vectors import inverse_root, load, maximum, store, sum_heads, zeros

_PARTS = 8
_TILE = 64
_TINY = 1e-30
"""A lower bound that squared differences are raised to, so that a difference of 0 has the gradient 0."""


@functools.cache
def distance_forward(n: int, chosen: int) -> Any:
    """Add the tile's part of the distances of queries ``first`` up to ``last`` to ``out``, ``count`` for each query.

    They are the distances to the first ``count`` keys, or, where ``chosen`` is 1, to the keys that ``rows`` names.
    """

    def forward(first, last, column, size, count, q, k, rows, out):
        for b in range(first, last):
            place = 2 * b * size + column
            real, imaginary = load(q, place, n), load(q, place + size, n)
            for j in range(count):
                at = b * count + j
                key = 2 * (rows[at] if chosen else j) * size + column
                x, y = real - load(k, key, n), imaginary - load(k, key + size, n)
                squared = x * x + y * y
                modulus = squared * inverse_root(maximum(squared, _TINY))
                store(out, at, load(out, at, 1) + sum_heads(modulus, 1))

    return compiled(forward, n, chosen)


@functools.cache
def distance_backward(n: int) -> Any:
    """The gradients of the queries' and of the keys' tile; the keys' are sums over the chunk's queries."""

    def backward(first, last, column, size, num_keys, q, k, g, grad_q, grad_k):
        for b in range(first, last):
            place = 2 * b * size + column
            real, imaginary = load(q, place, n), load(q, place + size, n)
            of_real, of_imaginary = zeros(q, n), zeros(q, n)
            for j in range(num_keys):
                key = 2 * j * size + column
                x, y = real - load(k, key, n), imaginary - load(k, key + size, n)
                scale = inverse_root(maximum(x * x + y * y, _TINY)) * g[b * num_keys + j]
                x, y = x * scale, y * scale
                of_real, of_imaginary = of_real + x, of_imaginary + y
                store(grad_k, key, load(grad_k, key, n) - x)
                store(grad_k, key + size, load(grad_k, key + size, n) - y)
            store(grad_q, place, of_real)
            store(grad_q, place + size, of_imaginary)

    return compiled(backward, n)


@functools.cache
def chosen_backward(n: int) -> Any:
    """The gradient of one side's vectors ``a``: of each, from its pairs ``pairs[starts[i]:starts[i + 1]]`` with ``c``.

    ``other`` names a pair's vector of ``c`` and ``g`` is its gradient. The queries' gradient and the keys' are the same
    sum over other lists of pairs, so that no two threads write to one row and sums have one order.
    """

    def backward(first, last, column, size, a, c, starts, pairs, other, g, grad):
        for i in range(first, last):
            place = 2 * i * size + column
            real, imaginary = load(a, place, n), load(a, place + size, n)
            of_real, of_imaginary = zeros(a, n), zeros(a, n)
            for at in range(starts[i], starts[i + 1]):
                pair = pairs[at]
                far = 2 * other[pair] * size + column
                x, y = real - load(c, far, n), imaginary - load(c, far + size, n)
                scale = inverse_root(maximum(x * x + y * y, _TINY)) * g[pair]
                of_real, of_imaginary = of_real + x * scale, of_imaginary + y * scale
            store(grad, place, of_real)
            store(grad, place + size, of_imaginary)

    return compiled(backward, n)


class Distance(torch.autograd.Function):
    """(query, keys) -> (B, K), by the kernels above."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor) -> Tensor:
        ctx.save_for_backward(query, keys)
        return _distances(query, keys, None)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        query, keys = ctx.saved_tensors
        q, k, g = flat(query), flat(keys), flat(grad)
        parts = _parts(len(query))
        grad_q, grad_k = np.empty_like(q), np.zeros((len(parts), len(k)), k.dtype)
        for n, column in _tiles(query.shape[1] // 2):
            size = query.shape[1] // 2
            run(distance_backward(n), parts, column, size, len(keys), q, k, g, grad_q, PerChunk(grad_k))
        return shaped(grad_q, query), shaped(grad_k.sum(axis=0), keys)


class ChosenDistance(torch.autograd.Function):
    """(query, keys, rows) -> (B, C), by the kernels above."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(query, keys, rows)
        return _distances(query, keys, rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        query, keys, rows = ctx.saved_tensors
        q, k, g, chosen = flat(query), flat(keys), flat(grad), flat(rows)
        grad_q, grad_k, size, count = np.empty_like(q), np.empty_like(k), query.shape[1] // 2, rows.shape[1]
        pairs = np.arange(len(chosen))
        by_key = np.argsort(chosen, kind="stable")
        of_query = np.arange(len(query) + 1) * count
        of_key = np.searchsorted(chosen[by_key], np.arange(len(keys) + 1))
        asking = pairs // max(count, 1)
        for n, column in _tiles(size):
            back = chosen_backward(n)
            run(back, _parts(len(query)), column, size, q, k, of_query, pairs, chosen, g, grad_q)
            run(back, _parts(len(keys)), column, size, k, q, of_key, by_key, asking, g, grad_k)
        return shaped(grad_q, query), shaped(grad_k, keys), None


def _distances(query: Tensor, keys: Tensor, rows: Tensor | None) -> Tensor:
    shape = (len(query), len(keys)) if rows is None else rows.shape
    q, k, size = flat(query), flat(keys), query.shape[1] // 2
    out = np.zeros(shape[0] * shape[1], q.dtype)
    chosen = np.empty(0, np.int64) if rows is None else flat(rows)
    for n, column in _tiles(size):
        kernel = distance_forward(n, int(rows is not None))
        run(kernel, _parts(len(query)), column, size, shape[1], q, k, chosen, out)
    return torch.from_numpy(out).view(shape)


def _tiles(size: int) -> list[tuple[int, int]]:
    """Length and start of the tiles of dimensions."""
    return [(min(_TILE, size - column), column) for column in range(0, size, _TILE)]


def _parts(count: int) -> list[tuple[int, int]]:
    """Ranges of queries, always the same for the same number, so that sums are the same whatever the threads.

    There is one at least, an empty one of no queries: what is summed for each range needs a first row.
    """
    bounds = np.linspace(0, count, 1 + max(1, min(_PARTS, count)), dtype=np.int64).tolist()
    return list(itertools.pairwise(bounds))
