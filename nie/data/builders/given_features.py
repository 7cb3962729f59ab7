"""Features that a user gives with a graph: by the name of a channel, a file or a frame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nie.arguments import of_kind
from nie.data.builders.frame import Frame
from nie.data.channel import Channel
from nie.data.graph_fields import check_name
from nie.errors import NieError


def given_channels(features: Mapping[str, Any] | None, node_names: Sequence[str]) -> dict[str, Channel]:
    """The channel of each file, as `nie.data.channel_file.read_channel_file` reads it, or of each frame.

    A frame has a column of nodes, which is called so or the first, and all others hold numbers, without those that
    `nie.data.builders.header.value_places` leaves out. Nodes that are not in it lack the channel.

    Raises:
        NieError: as `nie.data.channel_file.read_channel_file`, or a frame whose columns hold no numbers, or that has
            none beside that of the nodes.
    """
    if not features:
        return {}
    of_kind("features", features, Mapping, "a dict of files or frames by the name of a channel")
    from nie.data.channel_file import channel_of_rows, read_channel_file  # loads torch

    channels = {}
    for name, given in features.items():
        check_name("channel", name)
        if isinstance(given, (str, os.PathLike)):
            channels[name] = read_channel_file(given, name, node_names)
        else:
            frame = Frame(f"features {name}", given)
            channels[name] = channel_of_rows(Path(frame.name), name, *_rows(frame), node_names)
    return channels


def _rows(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    columns = [frame.cells(place) for place in frame.value_columns()]
    try:
        rows = np.array(columns, dtype=np.float64).T
    except (TypeError, ValueError) as error:
        raise NieError(f"{frame.name} must hold numbers in every column but that of the nodes.") from error
    return rows.reshape(-1, len(columns)), np.array(frame.names(frame.node_column()), dtype=str)
