"""What the films' csv says of a film besides its text and its links: two channels of numbers, signals, and a day.

Popularity, votes and revenue are in no channel. A value that is absent or 0 (as TMDB writes an unknown budget) has
the mean of the films whose value is known, and a flag: a year 0 would be an outlier that no linear model survives.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from nie.arrays import Dates, Floats, Floats32
from nie.data.channel import Channel
from nie.data.dates import no_days

FACTS = ("budget", "runtime", "release_date", "original_language")
ENTRY = ("keywords", "homepage", "tagline", "overview")
SIGNALS = ("popularity", "vote_count", "vote_average", "revenue", "budget")
_UNKNOWN_AT_ZERO = ("revenue", "budget")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


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


def film_signals(rows: Sequence[Mapping[str, str]], num_nodes: int) -> dict[str, Floats]:
    """Return the signals of importance of ``num_nodes`` nodes, of which the first are the films; nan for all others.

    TMDB writes 0 for a revenue or budget that it does not know, and for the average of no votes; these are nan, too. A
    signal that the csv has no column for is left out.

    >>> rows = [{"revenue": "0", "vote_average": "0.0", "vote_count": "0"},
    ...         {"revenue": "7", "vote_average": "6.5", "vote_count": "2"}]
    >>> {name: values.tolist() for name, values in film_signals(rows, 3).items()}
    {'vote_count': [0.0, 2.0, nan], 'vote_average': [nan, 6.5, nan], 'revenue': [nan, 7.0, nan]}
    """
    signals: dict[str, Floats] = {}
    for name in SIGNALS:
        if not all(name in row for row in rows):
            continue
        values = np.array([_number(row[name]) for row in rows])
        unknown = name in _UNKNOWN_AT_ZERO or (name == "vote_average" and "vote_count" in signals)
        if unknown:
            values[(values if name in _UNKNOWN_AT_ZERO else signals["vote_count"][: len(rows)]) == 0] = np.nan
        signals[name] = np.concatenate([values, np.full(num_nodes - len(rows), np.nan)])
    return signals


def film_dates(rows: Sequence[Mapping[str, str]], num_nodes: int) -> Dates | None:
    """Return the day of release of the films, and NaT for all other nodes; None where the csv has no such column.

    >>> film_dates([{"release_date": "2001-05-16"}, {"release_date": ""}], 3)
    array(['2001-05-16',        'NaT',        'NaT'], dtype='datetime64[D]')
    """
    if not all("release_date" in row for row in rows):
        return None
    days = no_days(num_nodes)
    for film, row in enumerate(rows):
        if _DAY.fullmatch(row["release_date"]):
            try:
                days[film] = row["release_date"]
            except ValueError:  # such as a month 13
                continue
    return days


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
