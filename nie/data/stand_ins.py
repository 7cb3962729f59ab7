"""Stand-ins for the few functions that pickles of tensors and arrays call, of which none runs anything else.

Stand-ins have no attributes that a pickle could set, and what they return becomes a real tensor or array only when the
whole file has been read.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from nie.errors import shown

# Numbers and fixed-width strings. An object array is made of pointers, and a structured one can hide such.
_DTYPE = re.compile(r"b1|[fiucSU][1-9]\d*")
PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)
_LONGEST_KEY, _LARGEST_KEY = 100, 1 << 64


class StandIn:
    """What a pickle gets to see: without ``__dict__``, and its opcode BUILD ends here instead of setting attributes."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets attributes of something that has none")


class Function(StandIn):
    """An admitted function."""

    __slots__ = ("_run",)

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def __call__(self, *arguments: Any) -> Any:
        return self._run(*arguments)


class Made(StandIn):
    """A finished tensor, array, number or storage."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _DType(StandIn):
    """A numpy dtype; only its byte order can be set."""

    __slots__ = ("dtype",)

    def __init__(self, code: Any, *_align_and_copy: Any) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"arrays of dtype {shown(code)} are not allowed, only of numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(state[2:5]):
            raise pickle.UnpicklingError("a dtype with fields or of a strange form is not allowed")
        self.dtype = self.dtype.newbyteorder(state[1])


class MadeArray(Made):
    """A numpy array whose content follows as its state."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) != 5:
            raise pickle.UnpicklingError("an array's state has a strange form")
        _version, shape, dtype, fortran, content = state
        self.value = _array(content, dtype, shape, "F" if fortran else "C")


def _array(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if type(dtype) is not _DType or type(content) not in (bytes, bytearray):
        raise pickle.UnpicklingError("an array is not made of a dtype and bytes")
    if math.prod(_sizes(shape)) * dtype.dtype.itemsize != len(content):
        raise pickle.UnpicklingError(f"an array of shape {shown(shape)} has {len(content)} bytes")
    return np.ndarray(shape, dtype.dtype, bytes(content), order=order).copy(order="K")


def _sizes(sizes: Any) -> tuple[int, ...]:
    if type(sizes) is not tuple or not all(type(size) is int and size >= 0 for size in sizes):
        raise pickle.UnpicklingError("the shape of an array or tensor is no tuple of numbers >= 0")
    return sizes


def _refuse(*_arguments: Any) -> Any:
    raise pickle.UnpicklingError("numpy.ndarray is called")


_NDARRAY = Function(_refuse)


def _reconstruct(kind: Any, _shape: Any, _code: Any) -> MadeArray:
    """Stands in for numpy's function that makes an empty array before its state is set."""
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array is of another class than numpy.ndarray")
    return MadeArray(None)


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any = "C", *_axes: Any) -> Made:
    if order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array is of order {shown(order)}")
    return Made(_array(content, dtype, shape, order))


def _scalar(dtype: Any, content: Any) -> Made:
    return Made(_array(content, dtype, (), "C")[()])


def _tensor(made: Any, offset: Any, size: Any, stride: Any, *_gradient_and_hooks: Any) -> Made:
    storage = made.value if type(made) is Made else None
    # Only the untyped storage inside is asked: torch warns of every public use of a typed one.
    if not isinstance(storage, torch.storage.TypedStorage) or storage._untyped_storage.device.type != "cpu":
        raise pickle.UnpicklingError("a tensor has no storage")
    (first,), count = _sizes((offset,)), math.prod(_sizes(size))
    if len(_sizes(stride)) != len(size):
        raise pickle.UnpicklingError("a tensor has another number of strides than of dimensions")
    empty = torch.empty(0, dtype=storage.dtype)
    held = storage._untyped_storage.nbytes() // empty.element_size()
    last = first + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count and last >= held:
        raise pickle.UnpicklingError(f"a tensor of shape {shown(size)} does not fit its storage of {held} numbers")
    return Made(empty.set_(storage._untyped_storage, first, size, stride))


def _parameter(tensor: Any, *_gradient_and_hooks: Any) -> Made:
    if type(tensor) is not Made:
        raise pickle.UnpicklingError("a parameter is no tensor")
    return tensor


def _encode(text: Any, encoding: Any) -> bytes:
    """Stands in for _codecs.encode, through which protocol 2 writes bytes; other codecs can be abused."""
    if encoding != "latin1" or type(text) is not str:
        raise pickle.UnpicklingError(f"the codec {shown(encoding)} is not allowed")
    return text.encode("latin1")


def check_keys(keys: Iterable[Any]) -> None:
    """Raise unless all are strings, numbers, or tuples of some such; a huge number is hashed anew for each entry."""
    for key in keys:
        parts = key if type(key) is tuple and len(key) <= _LONGEST_KEY else (key,)
        if not all(type(part) in PLAIN and (type(part) is not int or abs(part) < _LARGEST_KEY) for part in parts):
            raise pickle.UnpicklingError("a key of a dict, or what a set holds, is neither a string nor a number")


def _dict(pairs: Any = ()) -> dict[Any, Any]:
    """A plain dict, because an OrderedDict has attributes, which numpy would look at."""
    if type(pairs) not in (list, tuple) or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise pickle.UnpicklingError("a dict is not made of pairs")
    check_keys(key for key, _ in pairs)
    return dict(pairs)


def _allowed() -> dict[tuple[str, str], Function]:
    functions: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "dtype"): _DType,
        ("_codecs", "encode"): _encode,
        # How protocols below 3 write bytes of length 0.
        ("__builtin__", "bytes"): lambda: b"",
        ("collections", "OrderedDict"): _dict,
        ("torch._utils", "_rebuild_tensor"): _tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch", "Size"): lambda sizes=(): _sizes(tuple(sizes)),
    }
    # numpy 1 and 2 name the same internal function differently; files of either are read with either.
    for package in ("numpy.core", "numpy._core"):
        functions[f"{package}.multiarray", "_reconstruct"] = _reconstruct
        functions[f"{package}.multiarray", "scalar"] = _scalar
        functions[f"{package}.numeric", "_frombuffer"] = _frombuffer
    return {("numpy", "ndarray"): _NDARRAY, **{name: Function(function) for name, function in functions.items()}}


ALLOWED = _allowed()
