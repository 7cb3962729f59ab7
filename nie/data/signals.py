"""Several signals of importance: a table with a column for each, and what a model learns of a column."""

from __future__ import annotations

from typing import Any

import numpy as np

from nie.arrays import Floats
from nie.data.graph_fields import check_name, mapping, real_numbers
from nie.errors import NieError


def signal_columns(owner: str, given: Any) -> dict[str, Floats]:
    """The signals of a graph by name, as read-only arrays.

    Raises:
        NieError: a name that can be no name of a file, or a value that is infinite; ``owner`` begins the message.
    """
    columns: dict[str, Floats] = {}
    for name, values in mapping(owner, "signals", given).items():
        column = real_numbers(owner, f"signal {check_name('signal', name)}", values, np.float64)
        if np.isinf(column).any():
            raise NieError(f"{owner}: the signal {name} must be finite, or nan where a node has none.")
        columns[name] = column
    return columns


def learned_of(values: Floats, label_transform: str) -> Floats:
    """What a model learns of a signal: (N,) ``log(1 + value)`` as of labels, unless labels are learned as they are.

    A signal with a negative value is learned as it is, too.

    >>> learned_of(np.array([0.0, np.nan, 6.389]), "log1p").round(2).tolist()
    [0.0, nan, 2.0]
    >>> learned_of(np.array([-1.0, 6.389]), "log1p").tolist()
    [-1.0, 6.389]
    """
    if label_transform == "none" or (values < 0).any():
        return values
    learned: Floats = np.log1p(values)
    return learned
