"""The kernels of :func:`nie.ops.relational_sum` on the CPU; `nie.ops.numba_backend.kernels` says how they are called.

A kernel works on one *tile* of columns: ``n`` of the ``size`` columns, from ``column`` on. ``bases`` and ``n`` are the
constants it is compiled for.
"""

from __future__ import annotations

import functools
from typing import Any

from nie.ops.numba_backend.kernels import AHEAD, compiled
from nie.ops.numba_backend.vectors import load, prefetch, store, sum_heads, zeros


@functools.cache
def relational_forward(bases: int, n: int) -> Any:
    """Add up the sources' rows, each times its relation's coefficient, over the in-edges: ``out``."""

    def forward(first, last, column, size, offsets, sources, relations, h, a, out):
        for node in range(first, last):
            row = zeros(h, n)
            for j in range(offsets[node], offsets[node + 1]):
                ahead = sources[min(j + AHEAD, len(sources) - 1)] * bases * size + column
                source, relation = sources[j] * bases * size + column, relations[j] * bases
                for b in range(bases):
                    prefetch(h, ahead + b * size, n)
                    row = row + load(h, source + b * size, n) * a[relation + b]
            store(out, node * size + column, row)

    return compiled(forward, bases, n)


@functools.cache
def relational_by_src(bases: int, n: int) -> Any:
    """Gradients of the sources' rows and of the coefficients over the out-edges."""

    def by_src(first, last, column, size, offsets, destinations, relations, g, h, a, grad_h, grad_a):
        for node in range(first, last):
            for b in range(bases):  # one at a time, so that all stays in registers
                place = (node * bases + b) * size + column
                value, of_value = load(h, place, n), zeros(h, n)
                for i in range(offsets[node], offsets[node + 1]):
                    prefetch(g, destinations[min(i + AHEAD, len(destinations) - 1)] * size + column, n)
                    grad, coefficient = load(g, destinations[i] * size + column, n), relations[i] * bases + b
                    of_value = of_value + grad * a[coefficient]
                    store(grad_a, coefficient, load(grad_a, coefficient, 1) + sum_heads(grad * value, 1))
                store(grad_h, place, of_value)

    return compiled(by_src, bases, n)
