"""The device that a stage computes on."""

from __future__ import annotations

import importlib.util

import torch

from nie.errors import NieError


def choose_device(wanted: str) -> torch.device:
    """The device ``wanted``; ``auto`` is CUDA where there is a GPU that the kernels can run on, and else the CPU.

    Raises:
        NieError: a CUDA device that is not there, or that the kernels cannot run on.
    """
    has_triton = importlib.util.find_spec("triton") is not None
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() and has_triton else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise NieError(f"There is no {wanted}, as torch finds {count} CUDA devices here; use --device cpu.")
        if not has_triton:
            raise NieError(f"--device {wanted} needs the package triton: pip install 'nie[gpu]', or use --device cpu.")
    return device
