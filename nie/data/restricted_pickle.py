"""Reading other people's pickles without running their code.

A pickle names functions to call and sets attributes of what they return. The papers' files hold containers of numbers,
torch tensors and numpy arrays. This reader hands the pickle a stand-in for each of the few functions that those need,
and refuses every other name before it is imported. Stand-ins have no attributes that a pickle could set, and what they
return becomes a real tensor or array only when the whole file has been read.
"""

from __future__ import annotations

import math
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import torch

from nie.errors import NieError, shown

# Numbers and fixed-width strings. An object array is made of pointers, and a structured one can hide such.
_DTYPE = re.compile(r"b1|[fiucSU][1-9]\d*")
_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)
_MAX_DEPTH = 50
# A tensor may repeat its numbers (``expand``), but must not grow from nothing to more than memory holds.
_MAX_REPEATED = 1 << 24
_LARGE = 1 << 20


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


class _Array(Made):
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


def _reconstruct(kind: Any, _shape: Any, _code: Any) -> _Array:
    """Stands in for numpy's function that makes an empty array before its state is set."""
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array is of another class than numpy.ndarray")
    return _Array(None)


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
    if count and (last >= held or count > max(held, _MAX_REPEATED)):
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


def _hashable(*keys: Any) -> None:
    """Raise unless all are strings, numbers, or tuples of such."""
    for key in keys:
        if type(key) not in _PLAIN and not (type(key) is tuple and all(type(part) in _PLAIN for part in key)):
            raise pickle.UnpicklingError("a key of a dict, or what a set holds, is neither a string nor a number")


def _dict(pairs: Any = ()) -> dict[Any, Any]:
    """A plain dict, because an OrderedDict has attributes, which numpy would look at."""
    if type(pairs) not in (list, tuple) or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise pickle.UnpicklingError("a dict is not made of pairs")
    _hashable(*(key for key, _ in pairs))
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


_ALLOWED = _allowed()


class _Bounded:
    """A stream whose ``read`` makes no memory for more bytes than follow, whatever a damaged length asks for."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.readline = stream, stream.readline

    def read(self, size: int) -> bytes:
        if size > _LARGE:
            place = self.stream.tell()
            left = self.stream.seek(0, os.SEEK_END) - place
            self.stream.seek(place)
            if size > left:
                raise EOFError("it ends too early")
        return self.stream.read(size)


_PythonUnpickler: Any = pickle._Unpickler


class Reader(_PythonUnpickler):  # type: ignore[misc]
    """Finds only the names above; ``shown`` is the file as it appears in errors.

    It is Python's own reader written in Python, because in it keys can be looked at before they are hashed: a tuple of
    two equal tuples of two equal tuples, and so on, takes a kilobyte to write and centuries to hash.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def __init__(self, stream: Any, shown: Path) -> None:
        super().__init__(_Bounded(stream))
        self.shown = shown

    def _set_item(self) -> None:
        _hashable(self.stack[-2])
        super().load_setitem()

    def _set_items(self) -> None:
        _hashable(*self.stack[::2])
        super().load_setitems()

    def _make_dict(self) -> None:
        _hashable(*self.stack[::2])
        super().load_dict()

    def _add_items(self) -> None:
        _hashable(*self.stack)
        super().load_additems()

    def _make_frozenset(self) -> None:
        _hashable(*self.stack)
        super().load_frozenset()

    def _make_bytearray(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))  # the base class makes it of that size before it looks for the bytes

    dispatch[pickle.BYTEARRAY8[0]] = _make_bytearray
    dispatch[pickle.SETITEM[0]] = _set_item
    dispatch[pickle.SETITEMS[0]] = _set_items
    dispatch[pickle.DICT[0]] = _make_dict
    dispatch[pickle.ADDITEMS[0]] = _add_items
    dispatch[pickle.FROZENSET[0]] = _make_frozenset

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            asked = shown(f"{module}.{name}")[1:-1]
            raise NieError(
                f"{self.shown} asks to run {asked}; only torch tensors and numpy arrays are read from a pickle."
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise NieError(f"{self.shown} refers to data outside itself; only a plain pickle.dump file can be read.")


def finished(value: Any, done: dict[int, Any], depth: int = 0) -> Any:
    """Replace stand-ins by what they stand for; ``done`` holds the containers so far, as they may be shared."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in (Made, _Array) and isinstance(value.value, (torch.Tensor, np.ndarray, np.generic)):
        return value.value
    if id(value) in done:
        return done[id(value)]
    if depth > _MAX_DEPTH:
        raise pickle.UnpicklingError(f"containers lie more than {_MAX_DEPTH} deep in each other")
    if kind is dict:
        if not all(type(key) in _PLAIN for key in value):
            raise pickle.UnpicklingError("a key is neither a string nor a number")
        entries = done[id(value)] = {}
        entries.update({key: finished(item, done, depth + 1) for key, item in value.items()})
        return entries
    if kind is list:
        items = done[id(value)] = []
        items.extend(finished(item, done, depth + 1) for item in value)
        return items
    if kind in (tuple, set, frozenset):
        done[id(value)] = kind(finished(item, done, depth + 1) for item in value)
        return done[id(value)]
    raise pickle.UnpicklingError("it holds an unfinished tensor or array, or a function")
