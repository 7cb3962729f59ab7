"""The precision that operations compute in: single at least, whatever the type of their inputs and under autocast.

A sum over thousands of edges in half precision stops growing when a summand is smaller than half a unit of the last
place of the sum: with bfloat16 from a few hundred edges on.
"""

from __future__ import annotations

import torch
from torch import Tensor


def computed_in(value: Tensor) -> torch.dtype:
    """The type to compute in for values of a type: float32 for half types, else the type itself.

    >>> computed_in(torch.zeros(1, dtype=torch.bfloat16)), computed_in(torch.zeros(1, dtype=torch.float64))
    (torch.float32, torch.float64)
    """
    return torch.promote_types(value.dtype, torch.float32)
