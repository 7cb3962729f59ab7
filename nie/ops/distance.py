"""Distances from complex vectors, the queries, to others, the keys."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from nie.errors import NieError
from nie.ops.backend import choose_backend
from nie.ops.derivatives import with_second_derivatives
from nie.ops.kernel_files import compile_damaged_anew
from nie.ops.precision import computed_in, no_autocast
from nie.ops.shapes import expect, expect_ids

_VALUES_AT_A_TIME = 1 << 24


def complex_distance(
    query: Tensor, keys: Tensor, rows: Tensor | None = None, *, backend: str | None = None
) -> Tensor:  # fmt: skip
    r"""Distance of every query to every key, or to keys of its own: the sum of the moduli of the differences.

    .. math:: \mathrm{out}_{bk} = \sum_d \sqrt{(\Re q_{bd} - \Re k_{kd})^2 + (\Im q_{bd} - \Im k_{kd})^2}

    It is the distance of RotatE (Sun et al., ICLR 2019, equation 3), with the rotated head as the query and tails as
    the keys, or, as a rotation keeps moduli, with the tail rotated back and heads as the keys. Where two components
    agree, the gradient is 0.

    The numba kernels keep nothing of the size B x K x 2D; torch's own operators keep it twice for the backward pass.
    Half types are computed in single precision, and gradients can be differentiated once more.

    Args:
        query: (B, 2D), the D real parts first, then the imaginary ones.
        keys: (K, 2D), of the same type and device.
        rows: (B, C) the keys that each query is compared with, which may repeat; by default all.
        backend: ``"numba"`` or ``"dgl"``, which here means torch's own operators; by default numba on the CPU where it
            is installed.

    Returns:
        (B, K), or (B, C) with ``rows``.

    Raises:
        NieError: shapes that do not fit each other, rows that are not there or no integers, or complex numbers.

    >>> complex_distance(torch.tensor([[3.0, 0.0, 4.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0, 1.0]]))
    tensor([[6.]])
    >>> complex_distance(torch.zeros(2, 2), torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[1, 1], [0, 1]]))
    tensor([[2., 2.],
            [1., 2.]])
    """
    expect("query", query, (None, None))
    if query.shape[1] % 2:
        raise NieError(f"query must have an even number of columns, half of them real parts; got {query.shape[1]}.")
    expect("keys", keys, (None, query.shape[1]))
    if rows is not None:
        expect("rows", rows, (len(query), None))
        expect_ids("rows", rows, "keys")
        rows = rows.long()  # what indexes a tensor as uint8 is a mask to torch, and other types are refused
        if rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < len(keys):
            raise NieError(f"rows go from {int(rows.min())} to {int(rows.max())}, but there are {len(keys)} keys.")
    dtype = computed_in(query)
    wide = query.to(dtype), keys.to(dtype)
    with no_autocast(query):
        if choose_backend(wide[0].new_empty(1), backend) != "numba":  # of any width
            return _by_torch(*wide, rows).to(query.dtype)
        (out,) = with_second_derivatives(
            [_by_numba(*wide, rows)], wide, lambda query, keys: [_by_torch(query, keys, rows)]
        )
    assert out is not None
    return out.to(query.dtype)


def _by_numba(query: Tensor, keys: Tensor, rows: Tensor | None) -> Tensor:
    compile_damaged_anew()
    from nie.ops.numba_backend.complex_distance import ChosenDistance, Distance

    out: Tensor = (
        Distance.apply(query, keys)  # type: ignore[no-untyped-call]
        if rows is None
        else ChosenDistance.apply(query, keys, rows)  # type: ignore[no-untyped-call]
    )
    return out


def _by_torch(query: Tensor, keys: Tensor, rows: Tensor | None) -> Tensor:
    if len(query) == 0:
        return query @ keys.T if rows is None else query.new_empty(rows.shape)
    step = max(1, _VALUES_AT_A_TIME // max(1, keys.shape[1] * (len(keys) if rows is None else rows.shape[1])))
    chosen = itertools.repeat(keys) if rows is None else (keys[part] for part in torch.split(rows, step))
    return torch.cat([_some_by_torch(part, own) for part, own in zip(torch.split(query, step), chosen, strict=False)])


def _some_by_torch(query: Tensor, keys: Tensor) -> Tensor:
    """(B, K) for keys (K, 2D) or (B, K, 2D)."""
    real, imaginary = (query[:, None] - keys).chunk(2, dim=2)
    squared = real.square() + imaginary.square()
    return squared.clamp(min=torch.finfo(squared.dtype).tiny).sqrt().sum(dim=2)
