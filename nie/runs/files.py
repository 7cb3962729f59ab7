"""Files of a run: JSON, curves and arrays, written atomically."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nie.arrays import Array
from nie.disk.atomic import atomic_file
from nie.errors import NieError

LOSS_TERM = "loss/"
"""Begins the columns of curves in which the terms of a loss stand, each before its weight: ``loss/listwise``."""


def write_json(path: Path, document: Any) -> None:
    """Write JSON atomically; values that are not finite become ``null``, which every JSON reader knows."""
    with atomic_file(path) as temporary:
        text = json.dumps(_finite(document), indent=2, allow_nan=False, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        NieError: the file is missing or damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NieError(f"{path} is missing.") from error
    except (json.JSONDecodeError, UnicodeDecodeError, IsADirectoryError, NotADirectoryError) as error:
        raise NieError(f"{path} is damaged ({error}).") from error
    if not isinstance(document, dict):
        raise NieError(f"{path} is damaged (no JSON object).")
    return document


def write_curves(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write one CSV line for each epoch, with all columns that occur."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_array(path: Path, array: Array) -> None:
    """Write an ``.npy`` file atomically."""
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
