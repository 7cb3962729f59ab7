"""How every operation is computed: in which precision, by which backend, and with which derivatives."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops import plain_backend
from nie.ops.backend import backend_module, choose_backend
from nie.ops.derivatives import Outputs, with_second_derivatives
from nie.ops.precision import computed_in, no_autocast


def operate(
    name: str, graph: dgl.DGLGraph, inputs: Sequence[Tensor | None], *rest: Any, value: Tensor, backend: str | None
) -> tuple[Any, ...]:
    """Compute an operation.

    Args:
        name: of the function in every backend's module.
        graph: its first argument.
        inputs: its next arguments, which are differentiated, of any types; None for an absent one.
        rest: its further arguments.
        value: that of the inputs whose type and device decide. Half types are computed in single precision, under
            autocast too.
        backend: that the caller asks for; see `choose_backend`.

    Returns:
        The outputs; the first in the type of ``value`` and further ones in the type that was computed in.
    """

    def compute(module: Any, *inputs: Tensor | None) -> Outputs:
        found: Tensor | Outputs = getattr(module, name)(graph, *inputs, *rest)
        return [found] if isinstance(found, Tensor) else found

    dtype = computed_in(value)
    wide = [None if tensor is None else tensor.to(dtype) for tensor in inputs]
    with no_autocast(value):
        made = compute(backend_module(choose_backend(value.to(dtype), backend)), *wide)
        first, *further = with_second_derivatives(made, wide, functools.partial(compute, plain_backend))
    return (None if first is None else first.to(value.dtype), *further)
