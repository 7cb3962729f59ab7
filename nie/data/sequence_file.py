"""A channel of sequences, such as values over time, from the arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nie.data.channel import Channel
from nie.data.rows_of_nodes import nodes_of_rows
from nie.errors import NieError

VALUES, LENGTHS = "values", "lengths"
MOST_PADDED = 1 << 30
"""Numbers in a channel of sequences, all of which are as long as the longest in memory."""


def channel_of_sequences(
    path: Path, name: str, arrays: Mapping[str, NDArray[Any]], ids: NDArray[Any] | None, node_names: Sequence[str]
) -> Channel:  # fmt: skip
    """The channel of the arrays ``values`` (sum of lengths, d), the steps of all sequences one after the other, and
    ``lengths`` (n,), how many of them each sequence has.

    Args:
        path: of the file, for messages.
        name: of the channel, for messages.
        arrays: of the file.
        ids: (n,) names or numbers of the nodes, as `nie.data.rows_of_nodes.nodes_of_rows` reads them.
        node_names: names of the N nodes.

    Raises:
        NieError: arrays of other shapes, values that are not finite, lengths that do not add up, or unknown nodes.

    >>> arrays = {"values": np.array([[5.0], [6.0], [7.0]]), "lengths": np.array([2, 1])}
    >>> channel = channel_of_sequences(Path("f.npz"), "visits", arrays, np.array(["bob", "ann"]), ["ann", "bob"])
    >>> channel.features.tolist()  # a 1 before each step, and zeros beyond the end
    [[1.0, 7.0, 0.0, 0.0], [1.0, 5.0, 1.0, 6.0]]
    """
    values, lengths = arrays.get(VALUES), arrays[LENGTHS]
    if values is None or values.ndim != 2 or values.dtype.kind not in "fiu" or values.shape[1] == 0:
        raise NieError(f"{path}: the sequences of channel {name} need an array {VALUES} of numbers (steps, d).")
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any() or lengths.sum() != len(values):
        raise NieError(
            f"{path}: {LENGTHS} of channel {name} must be whole numbers that add up to the {len(values):,} rows of "
            f"{VALUES}, one for each sequence."
        )
    if len(values) == 0:
        raise NieError(f"{path}: every sequence of channel {name} is empty, so no node has it.")
    if not np.isfinite(values.astype(np.float32)).all():
        row = int(np.argmin(np.isfinite(values.astype(np.float32)).all(axis=1)))
        raise NieError(f"{path}: row {row} of {VALUES} of channel {name} is not finite in float32.")
    if len(node_names) * int(lengths.max()) * (1 + values.shape[1]) > MOST_PADDED:
        raise NieError(
            f"{path}: the longest sequence of channel {name} has {lengths.max():,} steps, and all {len(node_names):,} "
            "are held at that length; cut or resample it."
        )
    nodes = np.array(nodes_of_rows(path, name, len(lengths), ids, node_names), dtype=np.int64)
    order = np.argsort(nodes)  # from the order of the file to that of the nodes
    ends = np.cumsum(lengths)
    rows = [np.arange(ends[place] - lengths[place], ends[place]) for place in order]
    of_node = np.zeros(len(node_names), dtype=np.int64)
    of_node[nodes] = lengths
    return Channel.of_sequences(values[np.concatenate(rows)], of_node)
