"""The choice of a backend: DGL's kernels, or fused ones that numba (CPU) and Triton (CUDA) compile."""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import Any

import torch
from torch import Tensor

from nie.errors import NieError, nearest
from nie.ops.kernel_files import compile_damaged_anew

BACKENDS = ("dgl", "numba", "triton")
_FLOATS = (torch.float32, torch.float64)
_WIDEST_HEAD = 1024  # numba: a row of a head is one vector of the compiled code


@functools.cache
def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def choose_backend(value: Tensor, wanted: str | None = None) -> str:
    """Return the backend for values (N, H, D): numba on the CPU, triton on CUDA, and dgl where these cannot be had.

    Args:
        value: what is computed with. Its device, its type (the fused kernels take float32 and float64) and the size of
            its heads decide.
        wanted: a backend that overrides the choice, as the environment variable ``NIE_OPS_BACKEND`` does where this
            is None.

    Raises:
        NieError: ``wanted`` or ``NIE_OPS_BACKEND`` names no backend, or one that cannot be had here.

    >>> choose_backend(torch.zeros(1, 1, 1, dtype=torch.float16))
    'dgl'
    """
    wanted = wanted or os.environ.get("NIE_OPS_BACKEND")
    if wanted is None:
        natural = "numba" if value.device.type == "cpu" else "triton"
        return natural if _obstacle(natural, value) is None else "dgl"
    if wanted not in BACKENDS:
        raise NieError(f"There is no backend {wanted!r}{nearest(wanted, BACKENDS)}; use one of {', '.join(BACKENDS)}.")
    obstacle = _obstacle(wanted, value)
    if obstacle is not None:
        raise NieError(f"The backend {wanted!r}, asked for by argument or by NIE_OPS_BACKEND, {obstacle}.")
    return wanted


def backend_module(backend: str) -> Any:
    """The module that computes, loaded when it is first chosen."""
    if backend == "numba":
        compile_damaged_anew()
    return importlib.import_module(f"nie.ops.{backend}_backend")


def _obstacle(backend: str, value: Tensor) -> str | None:
    """Why ``backend`` cannot compute with ``value``, or None."""
    if backend == "dgl":
        return None
    extra = {"numba": "fast", "triton": "gpu"}[backend]
    if not _is_installed(backend):
        return f"needs the package {backend}: pip install 'nie[{extra}]'"
    device = value.device.type
    interpreted = backend == "triton" and os.environ.get("TRITON_INTERPRET") == "1"
    if device != {"numba": "cpu", "triton": "cuda"}[backend] and not interpreted:
        return f"does not run on {device}"
    if value.dtype not in _FLOATS:
        return f"takes float32 and float64, not {value.dtype}"
    if backend == "numba" and value.dim() and value.shape[-1] > _WIDEST_HEAD:
        return f"takes heads of at most {_WIDEST_HEAD} values, not {value.shape[-1]}"
    return None
