"""Triton's interpreter without the work that it repeats at every call: tests of its kernels take half the time.

Nothing that a kernel computes is changed: types and shapes are made once for each that occurs, and functions of the
language, which stay replaced after a function's first call, are not replaced again.
"""

from __future__ import annotations

from typing import Any

import pytest
import triton.language as tl
from triton.language.semantic import TritonSemantic
from triton.runtime import interpreter


def quicken(patch: pytest.MonkeyPatch) -> None:
    """Replace what repeats work, until ``patch`` is undone."""
    call, called = interpreter.InterpretedFunction.__call__, set()

    def call_once_patched(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.fn in called:  # what it needs of triton.language is replaced since its first call
            return self.rewrite()(*arguments, **options)
        called.add(self.fn)
        return call(self, *arguments, **options)

    make_type, types = tl.block_type.__init__, {}

    def type_made_once(self: Any, element: Any, shape: Any) -> None:
        key = element.name, *(size.value if isinstance(size, tl.constexpr) else size for size in shape)
        if key not in types:
            make_type(self, element, shape)
            types[key] = vars(self).copy()
        vars(self).update(types[key])

    make_tensor, shapes = tl.tensor.__init__, {}

    def tensor_of_known_shape(self: Any, handle: Any, type: Any) -> None:
        key = tuple(type.shape.values) if type.is_block() else ()
        if key not in shapes:
            make_tensor(self, handle, type)
            shapes[key] = self.shape, self.numel
        self.handle, self.type, self.dtype = handle, type, type.scalar
        self.shape, self.numel = shapes[key]

    array_type, array_types = interpreter._get_np_dtype, {}

    def array_type_made_once(type: Any) -> Any:
        name = type.scalar.name
        if name not in array_types:
            array_types[name] = array_type(type)
        return array_types[name]

    broadcast = TritonSemantic.broadcast_impl_value

    def broadcast_where_needed(self: Any, lhs: Any, rhs: Any) -> Any:
        alike = lhs.type.is_block() and rhs.type.is_block() and lhs.type.shape.values == rhs.type.shape.values
        return (lhs, rhs) if alike else broadcast(self, lhs, rhs)

    patch.setattr(interpreter.InterpretedFunction, "__call__", call_once_patched)
    patch.setattr(tl.block_type, "__init__", type_made_once)
    patch.setattr(tl.tensor, "__init__", tensor_of_known_shape)
    patch.setattr(TritonSemantic, "broadcast_impl_value", broadcast_where_needed)
    patch.setattr(interpreter, "_get_np_dtype", array_type_made_once)
    # It checks each integer operation for overflow, and then does nothing unless told to debug.
    unchecked = interpreter.InterpreterOptions(sanitize_overflow=False)
    patch.setattr(interpreter.interpreter_builder, "options", unchecked)
