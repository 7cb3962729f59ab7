"""What the films' csv says of a film besides its text and its links, as two channels of numbers.

Popularity, votes and revenue are never among them. A value that is absent or 0 (as TMDB writes an unknown budget) has
the mean of the films whose value is known, and a flag: a year 0 would be an outlier that no linear model survives.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from nie.arrays import Floats32
from nie.data.channel import Channel

FACTS = ("budget", "runtime", "release_date", "original_language")
ENTRY = ("keywords", "homepage", "tagline", "overview")


def film_channels(rows: Sequence[Mapping[str, str]], num_nodes: int) -> dict[str, Channel]:
    """Return the channels ``facts`` and ``entry`` of ``num_nodes`` nodes, of which the first are the films.

    ``facts``: log budget, minutes, year, a flag for each of these three that is known, and whether the original
    language is English. ``entry``: how full TMDB's entry of the film is, which says how much its volunteers care: log
    number of keywords, whether it has a homepage and a tagline, and log length of its overview. A channel whose columns
    the csv has not is left out.

    >>> known = {"budget": "100", "runtime": "90.0", "release_date": "2001-05-16", "original_language": "en"}
    >>> rows = [known, {**known, "release_date": ""}]
    >>> film_channels(rows, 3)["facts"].features.astype(int).tolist()
    [[4, 90, 2001, 1, 1, 1, 1], [4, 90, 2001, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0]]
    """
    makers = {"facts": (FACTS, _facts), "entry": (ENTRY, _entry)}
    channels = {}
    for name, (columns, make) in makers.items():
        if all(column in row for row in rows for column in columns):
            known = make(rows)
            features = np.zeros((num_nodes, known.shape[1]), dtype=np.float32)
            features[: len(rows)] = known
            channels[name] = Channel(features, np.arange(num_nodes) < len(rows))
    return channels


def _facts(rows: Sequence[Mapping[str, str]]) -> Floats32:
    values = np.array([
        [math.log1p(_number(row["budget"])), _number(row["runtime"]), _number(row["release_date"][:4])] for row in rows
    ])  # fmt: skip
    known = values > 0
    means = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    english = [row["original_language"] == "en" for row in rows]
    return np.column_stack([np.where(known, values, means), known, english]).astype(np.float32)


def _entry(rows: Sequence[Mapping[str, str]]) -> Floats32:
    return np.array([
        [
            math.log1p(_count(row["keywords"])), bool(row["homepage"].strip()), bool(row["tagline"].strip()),
            math.log1p(len(row["overview"])),
        ]
        for row in rows
    ], dtype=np.float32)  # fmt: skip


def _count(text: str) -> int:
    """Length of a JSON list; 0 for anything else."""
    try:
        items = json.loads(text)
    except ValueError:
        return 0
    return len(items) if isinstance(items, list) else 0


def _number(text: str) -> float:
    """A number that is not negative; 0 for anything else."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0
