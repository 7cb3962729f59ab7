"""`nie.ops.relational_sum` on the CPU by fused kernels; `nie.ops.numba_backend.kernels` says how they are called.

A kernel works on one *tile* of columns: ``n`` of the ``size`` columns, from ``column`` on. ``bases`` and ``n`` are the
constants it is compiled for.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nie.dgl_compat import dgl
from nie.ops.edge_index import Prepared, Relations, prepare
from nie.ops.numba_backend.arrays import arrays, by_id, flat, in_order, num_tables, shaped, tiles
from nie.ops.numba_backend.kernels import AHEAD, compiled
from nie.ops.numba_backend.threads import PerChunk, run
from nie.ops.numba_backend.vectors import load, prefetch, store, sum_heads, zeros


def relational_sum(
    graph: dgl.DGLGraph, value: Tensor, coefficient: Tensor, etype: Tensor, edge_weight: Tensor | None = None
) -> Tensor:
    """See :func:`nie.ops.relational_sum`."""
    prepared = prepare(graph, value.device)
    edges = prepared, prepared.relations(etype)
    out: Tensor = _Relational.apply(value, coefficient, edge_weight, *edges)
    return out


@functools.cache
def relational_forward(bases: int, n: int, weighted: bool) -> Any:
    """Add up the sources' rows, each times its relation's coefficient, over the in-edges: ``out``."""

    def forward(first, last, column, size, offsets, sources, relations, edge_weight, h, a, out):
        for node in range(first, last):
            row = zeros(h, n)
            for j in range(offsets[node], offsets[node + 1]):
                ahead = sources[min(j + AHEAD, len(sources) - 1)] * bases * size + column
                source, relation = sources[j] * bases * size + column, relations[j] * bases
                for b in range(bases):
                    prefetch(h, ahead + b * size, n)
                    factor = a[relation + b] * edge_weight[j] if weighted else a[relation + b]
                    row = row + load(h, source + b * size, n) * factor
            store(out, node * size + column, row)

    return compiled(forward, bases, n, weighted)


@functools.cache
def relational_by_src(bases: int, n: int, weighted: bool) -> Any:
    """Gradients of the sources' rows, of the coefficients and of edge weights over the out-edges."""

    def by_src(
        first, last, column, size, offsets, destinations, relations, edge_weight, g, h, a, grad_h, grad_a, grad_e
    ):  # fmt: skip
        for node in range(first, last):
            for b in range(bases):  # one at a time, so that all stays in registers
                place = (node * bases + b) * size + column
                value, of_value = load(h, place, n), zeros(h, n)
                for i in range(offsets[node], offsets[node + 1]):
                    prefetch(g, destinations[min(i + AHEAD, len(destinations) - 1)] * size + column, n)
                    grad, coefficient = load(g, destinations[i] * size + column, n), relations[i] * bases + b
                    product = sum_heads(grad * value, 1)
                    if weighted:
                        store(grad_e, i, load(grad_e, i, 1) + product * a[coefficient])
                        of_value = of_value + grad * (a[coefficient] * edge_weight[i])
                        product = product * edge_weight[i]
                    else:
                        of_value = of_value + grad * a[coefficient]
                    store(grad_a, coefficient, load(grad_a, coefficient, 1) + product)
                store(grad_h, place, of_value)

    return compiled(by_src, bases, n, weighted)


class _Relational(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, value: Tensor, coefficient: Tensor, edge_weight: Tensor | None, prepared: Prepared,
        relations: Relations,
    ) -> Tensor:  # fmt: skip
        _, bases, size = value.shape
        h, a = flat(value), flat(coefficient)
        offsets, sources, _ = arrays(prepared.by_dst)
        weights = in_order(edge_weight, prepared.by_dst.ids, like=value)
        out = np.empty((len(offsets) - 1) * size, h.dtype)
        for n, column in tiles(size, 1):
            run(
                relational_forward(bases, n, edge_weight is not None), prepared.dst_chunks, column, size, offsets,
                sources, relations.by_dst.numpy(), weights, h, a, out,
            )  # fmt: skip
        ctx.save_for_backward(value, coefficient, edge_weight)
        ctx.edges = prepared, relations
        return torch.from_numpy(out).view(-1, size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        value, coefficient, edge_weight = ctx.saved_tensors
        prepared, relations = ctx.edges
        _, bases, size = value.shape
        h, a, g = flat(value), flat(coefficient), flat(grad)
        offsets, destinations, ids = arrays(prepared.by_src)
        chunks = prepared.src_chunks(num_tables(len(ids), coefficient, bases))
        grad_h, grad_a = np.empty_like(h), np.zeros((len(chunks), len(a)), h.dtype)
        weights = in_order(edge_weight, prepared.by_src.ids, like=value)
        grad_e = np.zeros_like(weights)
        for n, column in tiles(size, 1):
            run(
                relational_by_src(bases, n, edge_weight is not None), chunks, column, size, offsets, destinations,
                relations.by_src.numpy(), weights, g, h, a, grad_h, PerChunk(grad_a), grad_e,
            )  # fmt: skip
        of_weights = by_id(grad_e, edge_weight, prepared.by_src.ids)
        return shaped(grad_h, value), shaped(grad_a.sum(axis=0), coefficient), of_weights, None, None
