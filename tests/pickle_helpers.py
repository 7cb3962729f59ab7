"""Pickles written by hand, for tests of what reads other people's files."""

from __future__ import annotations

import pickle
from typing import Any


def text(word: str) -> bytes:
    return b"\x8c" + bytes([len(word)]) + word.encode()


def function(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


START = b"\x80\x04"


def nested_tuple() -> tuple[Any, ...]:
    value: tuple[Any, ...] = ()
    for _ in range(60):
        value = (value, value)
    return value


NESTED = pickle.dumps(nested_tuple(), 4)[2:-1].split(b"\x95", 1)[-1][8:]  # without the frame around it
HANGING = {
    "key": START + b"}" + NESTED + b"Ns.",
    "keys": START + b"}(" + NESTED + b"Nu.",
    "dict": START + b"(" + NESTED + b"Nd.",
    "set": START + b"\x8f(" + NESTED + b"\x90.",
    "frozenset": START + b"(" + NESTED + b"\x91.",
    "ordered": START + function("collections", "OrderedDict") + b"](" + NESTED + b"N\x86e\x85R.",
    "dtype": START + function("numpy", "dtype") + NESTED + b"\x85R.",
    "codec": START + function("_codecs", "encode") + text("a") + NESTED + b"\x86R.",
}
