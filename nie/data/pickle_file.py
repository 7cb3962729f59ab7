"""Files that `pickle.dump` wrote, of containers of tensors and arrays."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from nie.data.restricted_pickle import Reader
from nie.data.stand_ins import Function, Made
from nie.data.torch_file import OldReader
from nie.disk.array_file import one_sentence

_DAMAGED = (
    "is truncated or not a pickle of tensors and arrays, and nothing else is read, as it could run code ({reason}); "
    "make it again with pickle.dump"
)


def _load_storage(blob: Any) -> Made:
    """Stands in for torch.storage._load_from_bytes, which would unpickle the inner file without restrictions."""
    if not isinstance(blob, bytes):
        raise pickle.UnpicklingError("a tensor's storage is not bytes")
    made = OldReader(io.BytesIO(blob), len(blob)).load()
    if type(made) is not Made or not isinstance(made.value, torch.storage.TypedStorage):
        raise pickle.UnpicklingError("a tensor's storage holds something other than numbers")
    return made


_LOAD_STORAGE = Function(_load_storage)


class _PickleReader(Reader):
    """Reads tensors as `pickle.dump` writes them: with a file of torch inside for each storage."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _LOAD_STORAGE
        return super().find_class(module, name)


def load_pickle(path: str | os.PathLike[str]) -> Any:
    """Return the containers of torch tensors and numpy arrays in a file written by ``pickle.dump``.

    Arrays hold numbers or fixed-width strings. An OrderedDict comes back as a dict.

    Raises:
        NieError: the file is absent, truncated or no pickle, or names anything but tensors and arrays; nothing of it
            is run.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.pk"
    >>> _ = file.write_bytes(pickle.dumps({"labels": torch.tensor([1.0, 2.0])}))
    >>> load_pickle(file)
    {'labels': tensor([1., 2.])}
    """
    path = Path(path)
    with one_sentence(path, _DAMAGED), path.open("rb") as stream:
        return _PickleReader(stream, path.stat().st_size).read_content()
