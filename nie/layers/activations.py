"""Activations of scores."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from nie.errors import NieError, nearest

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"linear": lambda score: score, "leaky_relu": F.leaky_relu}


def check_activation(activation: str) -> None:
    """Raise unless ``activation`` is one that scores can have."""
    if activation not in ACTIVATIONS:
        raise NieError(
            f"Unknown activation {activation!r}{nearest(activation, ACTIVATIONS)}; use one of {', '.join(ACTIVATIONS)}."
        )
