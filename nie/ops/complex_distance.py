"""Distances of complex vectors, every query to every key, with nothing of the size queries x keys x dimensions."""

from __future__ import annotations

import torch
from torch import Tensor

from nie.errors import NieError
from nie.ops.backend import choose_backend
from nie.ops.checks import expect

_VALUES_AT_A_TIME = 1 << 24


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
        from nie.ops.numba_complex import Distance  # numba is an extra

        out: Tensor = Distance.apply(query, keys)  # type: ignore[no-untyped-call]
        return out
    step = max(1, _VALUES_AT_A_TIME // max(1, keys.numel()))
    return torch.cat([_by_torch(part, keys) for part in torch.split(query, step)]) if len(query) else query @ keys.T


def _by_torch(query: Tensor, keys: Tensor) -> Tensor:
    real, imaginary = (query[:, None] - keys).chunk(2, dim=2)
    squared = real.square() + imaginary.square()
    return squared.clamp(min=torch.finfo(squared.dtype).tiny).sqrt().sum(dim=2)
