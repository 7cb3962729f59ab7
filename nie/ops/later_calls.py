"""Which operations of a model no later one reads, found in the graph of the derivatives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor


class LaterCalls:
    """Follows what a model computes from one operation to the next.

    Example:
        >>> import torch
        >>> one, calls = torch.ones(1, requires_grad=True), LaterCalls()
        >>> first = one * 2
        >>> calls.see(0, [one], first)
        >>> calls.see(1, [first + 1], (first + 1).exp())
        >>> calls.see(2, [one], one.exp())
        >>> calls.unread
        {1, 2}
    """

    def __init__(self) -> None:
        self._call_of: dict[Any, int] = {}
        self.unread: set[int] = set()

    def see(self, call: int, inputs: Iterable[Tensor | None], output: Tensor) -> None:
        """Take note of a call: what it reads, with its derivatives, and what it gives."""
        ahead = [tensor.grad_fn for tensor in inputs if tensor is not None and tensor.grad_fn is not None]
        behind = set(ahead)
        while ahead:
            step = ahead.pop()
            if step in self._call_of:
                self.unread.discard(self._call_of[step])
                continue  # what that call has read is seen already
            further = {one for one, _ in step.next_functions if one is not None} - behind
            behind |= further
            ahead.extend(further)
        self.unread.add(call)
        self._call_of[output.grad_fn] = call
