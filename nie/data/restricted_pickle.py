"""Reading other people's pickles without running their code.

A pickle names functions to call. The papers' files hold containers of numbers, torch tensors and numpy arrays, which
need a handful of functions; this reader admits those and refuses every other name before it is imported.
"""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nie.errors import NieError

# numpy 1 and 2 name the same internal function differently; files of either are read with either.
_reconstruct = np.empty(0).__reduce__()[0]
_scalar = np.float64(0).__reduce__()[0]
_frombuffer = np.zeros(1).__reduce_ex__(5)[0]

_STORAGES = (
    "FloatStorage", "DoubleStorage", "HalfStorage", "BFloat16Storage", "LongStorage", "IntStorage", "ShortStorage",
    "CharStorage", "ByteStorage", "BoolStorage",
)  # fmt: skip
_DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip


def _load_storage(blob: bytes) -> Any:
    """Stands in for torch.storage._load_from_bytes, which would unpickle the inner file without restrictions."""
    if not isinstance(blob, bytes):
        raise pickle.UnpicklingError("a tensor's storage is not bytes")
    try:
        return torch.load(io.BytesIO(blob), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError("a tensor's storage holds something other than numbers") from error


def _encode(text: str, encoding: str) -> bytes:
    """Stands in for _codecs.encode, through which protocol 2 writes bytes; other codecs can be abused."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the codec {encoding!r} is not allowed")
    return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encode,
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
        ("torch.storage", "_load_from_bytes"): _load_storage,
        ("torch", "Size"): torch.Size,
        ("torch", "device"): torch.device,
    }
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray", "_reconstruct"] = _reconstruct
        names[f"{package}.multiarray", "scalar"] = _scalar
        names[f"{package}.numeric", "_frombuffer"] = _frombuffer
    names.update({("torch", dtype): getattr(torch, dtype) for dtype in _DTYPES})
    names.update({("torch", storage): getattr(torch, storage) for storage in _STORAGES})
    return names


_ALLOWED = _allowed()


class _Unpickler(pickle.Unpickler):
    """Finds only the names above; ``shown`` is the file as it appears in errors."""

    def __init__(self, stream: Any, shown: Path) -> None:
        super().__init__(stream)
        self.shown = shown

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise NieError(
                f"{self.shown} asks to run {module}.{name}; only torch tensors and numpy arrays are read from a pickle."
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise NieError(f"{self.shown} refers to data outside itself; only a plain pickle.dump file can be read.")


def load_pickle(path: str | os.PathLike[str]) -> Any:
    """Return the containers of torch tensors and numpy arrays in a file written by ``pickle.dump``.

    Raises:
        NieError: the file is absent, truncated or no pickle, or names anything but tensors and arrays; nothing of it
            is run.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.pk"
    >>> _ = file.write_bytes(pickle.dumps({"labels": np.array([1.0, 2.0])}))
    >>> load_pickle(file)
    {'labels': array([1., 2.])}
    """
    shown = Path(path)
    if not shown.is_file():
        raise NieError(f"The file {shown} does not exist.")
    try:
        with shown.open("rb") as stream:
            return _Unpickler(stream, shown).load()
    except NieError:
        raise
    except Exception as error:
        # A damaged pickle can fail in any way that its few allowed functions can.
        reason = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(".")
        raise NieError(f"{shown} is truncated or not a pickle of tensors and arrays ({reason}).") from error
