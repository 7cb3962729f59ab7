"""Which implementation of the attention runs: DGL's kernels, or the fused ones where numba is installed."""

from __future__ import annotations

import functools
import importlib.util
import os

import torch
from torch import Tensor

from nie.errors import NieError, nearest

BACKENDS = ("dgl", "numba")


@functools.cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def choose_backend(tensor: Tensor) -> str:
    """Return the backend for ``tensor``: numba for float32 and float64 on the CPU where it is installed, else DGL.

    The environment variable ``NIE_OPS_BACKEND`` overrides the choice. What a fused kernel does not cover (attention
    dropout, returned weights, mode ``dot``) runs on DGL either way.

    Raises:
        NieError: ``NIE_OPS_BACKEND`` names no backend, or one that cannot be had here.

    >>> choose_backend(torch.zeros(1, dtype=torch.float16))
    'dgl'
    """
    fused = tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.float64)
    wanted = os.environ.get("NIE_OPS_BACKEND")
    if wanted is None:
        return "numba" if fused and _has_numba() else "dgl"
    if wanted not in BACKENDS:
        raise NieError(f"NIE_OPS_BACKEND is {wanted!r}{nearest(wanted, BACKENDS)}; use one of {', '.join(BACKENDS)}.")
    if wanted == "numba" and not _has_numba():
        raise NieError("NIE_OPS_BACKEND is 'numba', which is not installed: pip install -e '.[fast]' in nie's folder.")
    if wanted == "numba" and not fused:
        raise NieError(f"NIE_OPS_BACKEND is 'numba', which does not run {tensor.dtype} on {tensor.device}; unset it.")
    return wanted
