"""The precision that operations compute in: single at least, whatever the type of their inputs and under autocast.

A sum over thousands of edges in half precision stops growing when a summand is smaller than half a unit of the last
place of the sum: with bfloat16 from a few hundred edges on.
"""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor


def computed_in(value: Tensor) -> torch.dtype:
    """The type to compute in for values of a type: float32 for half types, else the type itself.

    >>> computed_in(torch.zeros(1, dtype=torch.bfloat16)), computed_in(torch.zeros(1, dtype=torch.float64))
    (torch.float32, torch.float64)
    """
    return torch.promote_types(value.dtype, torch.float32)


def no_autocast(value: Tensor) -> contextlib.AbstractContextManager[object]:
    """Keep autocast out of a block, on the device of ``value``.

    It would take to half precision again what a backend does with torch's or DGL's own operators.
    """
    device = value.device.type
    # Entering it takes a third of the time of a whole operation on a small graph.
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else contextlib.nullcontext()
