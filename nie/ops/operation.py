"""How every operation is computed: in which precision, by which backend, and with which derivatives."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import plain_backend
from nie.ops.backend import backend_module, choose_backend
from nie.ops.derivatives import Outputs, with_second_derivatives
from nie.ops.edge_weight import weight_of
from nie.ops.excerpt import record, running
from nie.ops.precision import computed_in, no_autocast

WEIGHING = "numba"
"""The backend that has edge weights."""


def operate(
    name: str, graph: dgl.DGLGraph, inputs: Sequence[Tensor | None], *rest: Any, value: Tensor, backend: str | None,
    edge_weight: Tensor | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Compute an operation.

    Args:
        name: of the function in every backend's module.
        graph: its first argument.
        inputs: its next arguments, which are differentiated, of any types; None for an absent one.
        rest: its further arguments.
        value: that of the inputs whose type and device decide. Half types are computed in single precision, under
            autocast too.
        backend: that the caller asks for; see `choose_backend`.
        edge_weight: (E,) weights of the edges, by default those that the graph has. Where the chosen backend has none,
            torch's own operators compute.

    Returns:
        The outputs; the first in the type of ``value`` and further ones in the type that was computed in.

    Raises:
        NieError: weights that do not fit, or for a backend that has none.
    """
    record(graph, name, inputs)
    excerpt = running(graph)

    def compute(graph: dgl.DGLGraph, inputs: Sequence[Tensor | None], rest: Sequence[Any]) -> tuple[Any, ...]:
        return _computed(name, graph, inputs, rest, value, backend, weight_of(graph, edge_weight))

    return compute(graph, inputs, rest) if excerpt is None else excerpt.operated(name, inputs, rest, compute)


def _computed(
    name: str, graph: dgl.DGLGraph, inputs: Sequence[Tensor | None], rest: Sequence[Any], value: Tensor,
    backend: str | None, weight: Tensor | None,
) -> tuple[Any, ...]:  # fmt: skip
    def compute(module: Any, weight: Tensor | None, *inputs: Tensor | None) -> Outputs:
        further = {} if weight is None else {"edge_weight": weight}
        found: Tensor | Outputs = getattr(module, name)(graph, *inputs, *rest, **further)
        return [found] if isinstance(found, Tensor) else found

    dtype = computed_in(value)
    wide = [None if tensor is None else tensor.to(dtype) for tensor in (weight, *inputs)]
    with no_autocast(value):
        chosen = choose_backend(value.to(dtype), backend)
        if weight is not None and backend not in (None, WEIGHING):
            raise NieError(f"The backend {backend!r} has no edge weights; leave backend out, or use {WEIGHING!r}.")
        module = backend_module(chosen) if weight is None or chosen == WEIGHING else plain_backend
        made = compute(module, *wide)
        first, *further = with_second_derivatives(made, wide, functools.partial(compute, plain_backend))
    return (None if first is None else first.to(value.dtype), *further)
