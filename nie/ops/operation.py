"""How every operation is computed: in which precision, by which backend, and with which derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from nie.ops import plain_backend
from nie.ops.backend import backend_module, choose_backend
from nie.ops.derivatives import Outputs, with_second_derivatives
from nie.ops.precision import computed_in, no_autocast


def operate(
    compute: Callable[..., Outputs], inputs: Sequence[Tensor | None], value: Tensor, backend: str | None
) -> tuple[Any, ...]:
    """Compute an operation.

    Args:
        compute: called with a backend's module and the inputs; returns the outputs.
        inputs: what is differentiated, of any types; None for an absent one.
        value: that of the inputs whose type and device decide. Half types are computed in single precision, under
            autocast too.
        backend: that the caller asks for; see `choose_backend`.

    Returns:
        The outputs; the first in the type of ``value`` and further ones in the type that was computed in.
    """
    dtype = computed_in(value)
    wide = [None if tensor is None else tensor.to(dtype) for tensor in inputs]
    with no_autocast(value):
        module = backend_module(choose_backend(value.to(dtype), backend))
        plain = functools.partial(compute, plain_backend)
        first, *rest = with_second_derivatives(compute(module, *wide), wide, plain)
    return (None if first is None else first.to(value.dtype), *rest)
