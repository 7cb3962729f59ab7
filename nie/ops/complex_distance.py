"""Distances of complex vectors, every query to every key, with nothing of the size queries x keys x dimensions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nie.errors import NieError
from nie.ops.backend import choose_backend
from nie.ops.checks import expect

_VALUES_AT_A_TIME = 1 << 24
_PARTS = 8
_TILE = 64


def complex_distance(query: Tensor, keys: Tensor, *, backend: str | None = None) -> Tensor:
    r"""Sum over dimensions of the modulus of the difference, every query to every key.

    .. math:: \mathrm{out}_{bk} = \sum_d \sqrt{(\Re q_{bd} - \Re k_{kd})^2 + (\Im q_{bd} - \Im k_{kd})^2}

    It is the distance of RotatE (Sun et al., ICLR 2019, equation 3), with the rotated head as the query and tails as
    the keys, or, as a rotation keeps moduli, with the tail rotated back and heads as the keys. Where two components
    agree, the gradient is 0.

    Args:
        query: (B, 2D), the D real parts before the imaginary ones.
        keys: (K, 2D), of the same type and device.
        backend: ``"numba"`` or ``"dgl"``, which here means torch's own operators; by default numba on the CPU where it
            is installed.

    Returns:
        (B, K).

    Raises:
        NieError: shapes that do not fit each other.

    >>> complex_distance(torch.tensor([[3.0, 0.0, 4.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0, 1.0]]))
    tensor([[6.]])
    """
    expect("query", query, (None, None))
    if query.shape[1] % 2:
        raise NieError(f"query has {query.shape[1]} columns; an even number, real parts and imaginary ones, is due.")
    expect("keys", keys, (None, query.shape[1]))
    if choose_backend(query, backend) == "numba":
        out: Tensor = _Distance.apply(query, keys)  # type: ignore[no-untyped-call]
        return out
    step = max(1, _VALUES_AT_A_TIME // max(1, keys.numel()))
    return torch.cat([_by_torch(part, keys) for part in torch.split(query, step)]) if len(query) else query @ keys.T


def _by_torch(query: Tensor, keys: Tensor) -> Tensor:
    real, imaginary = (query[:, None] - keys).chunk(2, dim=2)
    squared = real.square() + imaginary.square()
    return squared.clamp(min=torch.finfo(squared.dtype).tiny).sqrt().sum(dim=2)


class _Distance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor) -> Tensor:
        from nie.ops.arrays import flat
        from nie.ops.numba_complex import distance_forward
        from nie.ops.threads import run

        ctx.save_for_backward(query, keys)
        q, k = flat(query), flat(keys)
        out = np.zeros(len(query) * len(keys), q.dtype)
        for n, column in _tiles(query.shape[1] // 2):
            run(distance_forward(n), _parts(len(query)), column, query.shape[1] // 2, len(keys), q, k, out)
        return torch.from_numpy(out).view(len(query), len(keys))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        from nie.ops.arrays import flat, shaped
        from nie.ops.numba_complex import distance_backward
        from nie.ops.threads import Table, run

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
