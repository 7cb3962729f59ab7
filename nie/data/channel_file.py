"""A channel of precomputed embeddings, read from a file: .npy, .npz, .parquet, or torch's .pth and .pt.

Of torch's files only tensors are loaded, so that no code in them runs.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nie.arrays import Bools, Floats32
from nie.data.channel import Channel
from nie.data.rows_of_nodes import nodes_of_rows
from nie.data.sequence_file import LENGTHS, channel_of_sequences
from nie.data.torch_file import load_torch
from nie.disk.array_file import read_npy, read_npz
from nie.errors import NieError, shown
from nie.extras import require

ROWS = ("features", "embeddings", "weight")
IDS = ("names", "ids")
MOST_LISTED = 1 << 25
"""Numbers in a list of rows: a file can name one row a million times."""


def read_channel_file(path: str | os.PathLike[str], name: str, node_names: Sequence[str]) -> Channel:
    """Read a channel from a file, and check that its rows belong to the nodes.

    - ``.npy``: (N, d), a row for each node;
    - ``.npz``: the array ``features`` (or ``embeddings``, ``weight``, or the only one of two dimensions), and perhaps
      ``names`` or ``ids``, which say whose each row is: names of nodes, or in ``ids`` their numbers;
    - ``.pth``, ``.pt``: a tensor, or a dictionary with the same keys, of which no code runs;
    - ``.parquet``: columns ``node``, the names, and ``features``, lists of numbers, as ``nie export`` writes them;
    - ``.npz``, ``.pth``, ``.pt`` may also hold a vector for each node, by its name;
    - ``.npz`` may hold sequences: `nie.data.sequence_file.channel_of_sequences`.

    Without ``names`` and ``ids``, rows belong to the nodes called 0, 1, 2, ... where names are numbers, and else stand
    in the order of node ids, which a warning shows. With them, nodes that are not named lack the channel. Nodes whose
    row is nan lack it, too.

    Args:
        path: path of the file.
        name: name of the channel, for error messages.
        node_names: names of the N nodes.

    Raises:
        NieError: another kind of file, a wrong number of rows, unknown or repeated nodes, or a row that is not finite.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "image.npz"
        >>> np.savez(path, features=[[1.0, 2.0]], names=["bob"])
        >>> read_channel_file(path, "image", ["ann", "bob"]).mask.tolist()
        [False, True]
    """
    path = Path(path)
    readers = {".npy": _npy, ".npz": _npz, ".pth": _torch, ".pt": _torch, ".parquet": _parquet}
    if path.suffix not in readers:
        raise NieError(f"{path}, the file of channel {name}, must end in one of {', '.join(readers)}.")
    if path.suffix == ".npz" and LENGTHS in (arrays := read_npz(path)):
        ids = next((_names(key, arrays[key]) for key in IDS if key in arrays), None)
        return channel_of_sequences(path, name, arrays, ids, node_names)
    return channel_of_rows(path, name, *readers[path.suffix](path), node_names)


def channel_of_rows(
    path: Path, name: str, rows: NDArray[Any], ids: NDArray[Any] | None, node_names: Sequence[str]
) -> Channel:  # fmt: skip
    """The channel of rows that were read; arguments as those of `nie.data.rows_of_nodes.nodes_of_rows`.

    Raises:
        NieError: as `read_channel_file`.
    """
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise NieError(f"{path}: channel {name} must be numbers (N, d); got {rows.dtype} of shape {rows.shape}.")
    if rows.shape[1] == 0:
        raise NieError(f"{path}: channel {name} must have at least one column; got none.")
    nodes = nodes_of_rows(path, name, len(rows), ids, node_names)
    there, values = _values(path, name, rows)
    features = np.zeros((len(node_names), rows.shape[1]), dtype=np.float32)
    mask = np.zeros(len(node_names), dtype=bool)
    features[nodes], mask[nodes] = values, there
    return Channel(features, mask)


def _npy(path: Path) -> tuple[NDArray[Any], None]:
    return read_npy(path), None


def _npz(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    return _chosen(path, read_npz(path))


def _torch(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    content = load_torch(path)
    document = content if isinstance(content, Mapping) else {"features": content}
    arrays = {}
    for key, value in document.items():
        if str(key) in arrays:
            raise NieError(f"{path} holds {shown(str(key))} twice, as a word and as a number.")
        if isinstance(value, torch.Tensor) or key in (*ROWS, *IDS):
            try:
                arrays[str(key)] = _plain(value)
            except (TypeError, ValueError, RuntimeError) as error:
                raise NieError(f"{path}: {key} is no plain tensor or list of equal rows.") from error
    return _chosen(path, arrays)


def _parquet(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        table = require("pyarrow.parquet", "report").read_table(path, columns=["node", "features"])
        lists, names = table.column("features").to_pylist(), table.column("node").to_pylist()
        if None in names:
            raise ValueError("a row of no node")
        size = max(len(row) for row in lists if row is not None)
        rows = np.array([[np.nan] * size if row is None else row for row in lists], dtype=np.float32)
    except (OSError, ValueError, TypeError, KeyError) as error:  # of Arrow, too
        raise NieError(
            f"{path} must have a name in every row of its column node, and equally long lists in a column features."
        ) from error
    return rows, np.array(names, dtype=str)


def _plain(value: Any) -> NDArray[Any]:
    """A tensor, an array, or a list of names, numbers or rows of numbers, as an array."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        return np.asarray(value.float() if value.is_floating_point() else value)
    if isinstance(value, (list, tuple)):
        lengths = {id(row): _length(row) for row in {id(row): row for row in value}.values()}
        if sum(lengths[id(row)] for row in value) > MOST_LISTED:
            raise ValueError("a list that names its rows without end")
    return np.asarray(value)


def _length(row: Any) -> int:
    """How many numbers stand in a row, or in the place of one."""
    if isinstance(row, (torch.Tensor, np.ndarray)):
        return math.prod(row.shape)
    if not isinstance(row, (list, tuple)):
        return 1
    if any(isinstance(each, (list, tuple, torch.Tensor, np.ndarray)) for each in row):
        raise ValueError("a row that is made of rows")
    return len(row)


def _chosen(path: Path, arrays: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The rows, and the names or ids of the nodes that they belong to."""
    tables = [key for key, array in arrays.items() if array.ndim == 2]
    named = [key for key in ROWS if key in arrays] or (tables if len(tables) == 1 else [])
    shapes = {array.shape for array in arrays.values()}
    if not named and len(shapes) == 1 and len(next(iter(shapes))) == 1 and not {*ROWS, *IDS} & arrays.keys():
        return np.stack(list(arrays.values())), np.array(list(arrays))  # a vector by the name of its node
    if not named:
        held = ", ".join(shown(key) for key in list(arrays)[:5]) or "nothing"
        more = f" and {len(arrays) - 5:,} more" if len(arrays) > 5 else ""
        raise NieError(
            f"{path} must hold an array features (N, d), or a vector for each node by its name; it holds {held}{more}."
        )
    key = next((key for key in IDS if key in arrays), "")
    return arrays[named[0]], _names(key, arrays[key]) if key else None


def _names(key: str, ids: NDArray[Any]) -> NDArray[Any]:
    """Names as words: nodes may well be called 3, 1, 0, 2."""
    return ids.astype(str) if key == "names" and ids.dtype.kind in "iu" else ids


def _values(path: Path, name: str, rows: NDArray[Any]) -> tuple[Bools, Floats32]:
    """Which rows are there, as they are not nan, and all of them in float32, with zeros for the others."""
    there = ~np.isnan(rows).all(axis=1)
    if not there.any():
        raise NieError(f"{path}: every row of channel {name} is nan, so no node has it.")
    with np.errstate(over="ignore"):
        values = np.where(there[:, None], rows, 0).astype(np.float32)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        problem = "too large for float32" if np.isfinite(rows[row]).all() else "not finite"
        raise NieError(f"{path}: row {row} of channel {name} is {problem}.")
    return there, values
