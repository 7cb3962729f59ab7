"""Reading other people's pickles without running their code.

A pickle names functions to call and sets attributes of what they return. The papers' files hold containers of numbers,
torch tensors and numpy arrays. This reader hands the pickle a stand-in for each of the few functions that those need
(`nie.data.stand_ins`), and refuses every other name before it is imported.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import IO, Any, ClassVar

import numpy as np
import torch

from nie.data.stand_ins import ALLOWED, PLAIN, Made, MadeArray, check_keys
from nie.disk.array_file import SMALL
from nie.errors import shown

_MAX_DEPTH = 50
_LARGE = 1 << 20
MOST_MADE = 16
"""What functions are given, and tensors and arrays in each place: at most so many times the file's bytes, or `SMALL`.

A pickle names one large object as often as it likes in two bytes each, and a tensor may repeat its numbers (`expand`).
"""


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


def _looking(load: Callable[[Any], None], keys: slice) -> Callable[[Any], None]:
    """What loads an opcode, after a look at those keys on the stack that it is going to hash."""

    def look_and_load(reader: Any) -> None:
        check_keys(reader.stack[keys])
        load(reader)

    return look_and_load


class Reader(_PythonUnpickler):  # type: ignore[misc]
    """Finds only the names of `ALLOWED`, and makes no more than is in proportion to a file of ``length`` bytes.

    It is Python's own reader written in Python, because in it keys can be looked at before they are hashed: a tuple of
    two equal tuples of two equal tuples, and so on, takes a kilobyte to write and centuries to hash.
    """

    dispatch: ClassVar[dict[int, Any]] = {
        **_PythonUnpickler.dispatch,
        pickle.SETITEM[0]: _looking(_PythonUnpickler.load_setitem, slice(-2, -1)),
        pickle.SETITEMS[0]: _looking(_PythonUnpickler.load_setitems, slice(None, None, 2)),
        pickle.DICT[0]: _looking(_PythonUnpickler.load_dict, slice(None, None, 2)),
        pickle.ADDITEMS[0]: _looking(_PythonUnpickler.load_additems, slice(None)),
        pickle.FROZENSET[0]: _looking(_PythonUnpickler.load_frozenset, slice(None)),
    }

    def __init__(self, stream: IO[bytes], length: int) -> None:
        super().__init__(_Bounded(stream))
        self.allowance = max(SMALL, MOST_MADE * length)

    def _count(self, size: int) -> None:
        self.allowance -= size
        if self.allowance < 0:
            raise pickle.UnpicklingError("it makes far more of its content than it holds, such as by naming it often")

    def _call(self) -> None:
        self._count(_size(self.stack[-1]))
        super().load_reduce()

    def _set_state(self) -> None:
        self._count(_size(self.stack[-1]))
        super().load_build()

    def _make_bytearray(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))  # the base class makes it of that size before it looks for the bytes

    # Other ways to call what was found, which no tensor or array is written by.
    for _opcode in b"".join((
        pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4
    )):  # fmt: skip
        del dispatch[_opcode]
    dispatch[pickle.REDUCE[0]] = _call
    dispatch[pickle.BUILD[0]] = _set_state
    dispatch[pickle.BYTEARRAY8[0]] = _make_bytearray

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks to run {shown(f'{module}.{name}', 60)[1:-1]}")
        return ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to data outside itself, unlike a file of pickle.dump")

    def read_content(self) -> Any:
        """What the pickle holds, with tensors and arrays in the place of their stand-ins."""
        return self._finished(self.load(), {}, 0)

    def _finished(self, value: Any, done: dict[int, Any], depth: int) -> Any:
        """``value`` with what stand-ins stand for; ``done`` holds the containers so far, as they may be shared."""
        kind = type(value)
        if kind in PLAIN:
            return value
        if kind in (Made, MadeArray) and isinstance(value.value, (torch.Tensor, np.ndarray, np.generic)):
            self._count(value.value.nbytes)
            return value.value
        if id(value) in done:
            return done[id(value)]
        if depth > _MAX_DEPTH:
            raise pickle.UnpicklingError(f"containers lie more than {_MAX_DEPTH} deep in each other")
        if kind is dict:
            entries = done[id(value)] = {}
            entries.update({key: self._finished(item, done, depth + 1) for key, item in value.items()})
            return entries
        if kind is list:
            items = done[id(value)] = []
            items.extend(self._finished(item, done, depth + 1) for item in value)
            return items
        if kind in (tuple, set, frozenset):
            done[id(value)] = kind(self._finished(item, done, depth + 1) for item in value)
            return done[id(value)]
        raise pickle.UnpicklingError("it holds an unfinished tensor or array, or a function")


def _size(arguments: Any) -> int:
    """How many bytes, letters and entries a function is given."""
    if type(arguments) is not tuple:
        raise pickle.UnpicklingError("it calls a function, or sets a state, with what is no tuple")
    sized = (bytes, bytearray, str, list, tuple)
    return len(arguments) + sum(len(argument) for argument in arguments if type(argument) in sized)
