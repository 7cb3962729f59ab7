"""The kernels of :func:`nie.ops.complex_distance` on the CPU; see `nie.ops.numba_kernels` for how they are called.

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

from nie.ops.arrays import flat, shaped
from nie.ops.numba_kernels import compiled
from nie.ops.threads import Table, run
from nie.ops.vectors import inverse_root, load, maximum, store, sum_heads, zeros

_PARTS = 8
_TILE = 64
_TINY = 1e-30
"""Added to nothing: below it a squared difference counts as it, so that a difference of 0 has the gradient 0."""


@functools.cache
def distance_forward(n: int) -> Any:
    """Add the tile's part of the distances of the queries from ``first`` up to ``last`` to all keys to ``out``."""

    def forward(first, last, column, size, num_keys, q, k, out):
        for b in range(first, last):
            place = 2 * b * size + column
            real, imaginary = load(q, place, n), load(q, place + size, n)
            for j in range(num_keys):
                key, at = 2 * j * size + column, b * num_keys + j
                x, y = real - load(k, key, n), imaginary - load(k, key + size, n)
                squared = x * x + y * y
                modulus = squared * inverse_root(maximum(squared, _TINY))
                store(out, at, load(out, at, 1) + sum_heads(modulus, 1))

    return compiled(forward, n)


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


class Distance(torch.autograd.Function):
    """(query, keys) -> (B, K), by the kernels above."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor) -> Tensor:
        ctx.save_for_backward(query, keys)
        q, k = flat(query), flat(keys)
        out = np.zeros(len(query) * len(keys), q.dtype)
        for n, column in _tiles(query.shape[1] // 2):
            run(distance_forward(n), _parts(len(query)), column, query.shape[1] // 2, len(keys), q, k, out)
        return torch.from_numpy(out).view(len(query), len(keys))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        query, keys = ctx.saved_tensors
        q, k, g = flat(query), flat(keys), flat(grad)
        parts = _parts(len(query))
        grad_q, grad_k = np.empty_like(q), np.zeros((len(parts), len(k)), k.dtype)
        for n, column in _tiles(query.shape[1] // 2):
            size = query.shape[1] // 2
            run(distance_backward(n), parts, column, size, len(keys), q, k, g, grad_q, Table(grad_k))
        return shaped(grad_q, query), shaped(grad_k.sum(axis=0), keys)


def _tiles(size: int) -> list[tuple[int, int]]:
    """Length and start of the tiles of dimensions."""
    return [(min(_TILE, size - column), column) for column in range(0, size, _TILE)]


def _parts(count: int) -> list[tuple[int, int]]:
    """Ranges of queries, always the same for the same number, so that sums are the same whatever the threads."""
    bounds = np.linspace(0, count, 1 + min(_PARTS, count), dtype=np.int64).tolist()
    return list(itertools.pairwise(bounds))
