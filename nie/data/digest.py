"""The digest of a graph's parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest_of(*parts: Sequence[str] | NDArray[Any]) -> str:
    """sha256 over strings and arrays; every part carries its length, so parts cannot run into each other."""
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)};".encode())
        if isinstance(part, np.ndarray):
            total.update(np.ascontiguousarray(part).data)
        else:
            for word in part:
                encoded = word.encode("utf-8", "surrogatepass")
                total.update(b"%d:%b" % (len(encoded), encoded))
    return total.hexdigest()
