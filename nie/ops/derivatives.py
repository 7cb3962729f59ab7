"""Second derivatives of the operations: right on every backend, where a gradient is itself differentiated.

The fused kernels have no second derivative, and that of DGL's kernels is wrong. A loss on gradients (a gradient
penalty, a Hessian product) would silently miss a part. While a gradient is computed that will be differentiated,
with ``create_graph=True``, it is therefore computed from the operation in torch's own operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Outputs = Sequence[Tensor | None]


def with_second_derivatives(
    outputs: Outputs, inputs: Sequence[Tensor | None], plain: Callable[..., Outputs]
) -> tuple[Tensor | None, ...]:
    """The same outputs, whose gradients can be differentiated.

    Args:
        outputs: what a backend has made of the inputs.
        inputs: what is differentiated; None for an absent one.
        plain: makes the same outputs of the inputs by torch's own operators. It is called when a gradient is computed
            with ``create_graph=True``, and never else.

    >>> x = torch.tensor([3.0], requires_grad=True)
    >>> (y,) = with_second_derivatives([x.detach() ** 3 + 0 * x], [x], lambda x: [x**3])
    >>> (slope,) = torch.autograd.grad(y, x, create_graph=True)
    >>> slope.item(), torch.autograd.grad(slope, x)
    (27.0, (tensor([18.]),))
    """
    if not any(tensor is not None and tensor.requires_grad for tensor in inputs) or not torch.is_grad_enabled():
        return tuple(outputs)
    found: tuple[Tensor | None, ...] = _Twice.apply(plain, len(outputs), *outputs, *inputs)  # type: ignore[no-untyped-call]
    return found


class _Twice(torch.autograd.Function):
    """Hands a gradient on to the backend that made the outputs, or where it will be differentiated, past it."""

    @staticmethod
    def forward(ctx: Any, plain: Callable[..., Outputs], count: int, *tensors: Tensor | None) -> tuple[Any, ...]:
        ctx.plain, ctx.nothing = plain, (None,) * (len(tensors) - count)
        ctx.save_for_backward(*tensors[count:])
        ctx.set_materialize_grads(False)
        # Unlike a view, a detached output can be written to in place, as that of the backend can.
        return tuple(None if tensor is None else tensor.detach() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():
            return (None, None, *grads, *ctx.nothing)
        inputs: tuple[Tensor | None, ...] = ctx.saved_tensors
        # Aliases, because one tensor may be several inputs, each with a gradient of its own.
        aliases = {i: one.view_as(one) for i, one in enumerate(inputs) if one is not None and one.requires_grad}
        outputs = ctx.plain(*(aliases.get(i, one) for i, one in enumerate(inputs)))
        pairs = [(out, grad) for out, grad in zip(outputs, grads, strict=True) if out is not None and grad is not None]
        found = torch.autograd.grad(
            [out for out, _ in pairs], [*aliases.values()], [grad for _, grad in pairs],
            create_graph=True, allow_unused=True,
        )  # fmt: skip
        by_input = dict(zip(aliases, found, strict=True))
        return (None, None, *(None for _ in grads), *(by_input.get(i) for i in range(len(inputs))))
