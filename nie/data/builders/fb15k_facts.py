"""The numbers that Freebase has on the entities of FB15k, as two channels: population, and everything else.

The attributes ``popstra.sww_base.*`` are left out: they count searches for an entity, which is its popularity itself.
Population stands apart because on places it is close to a measure of importance; whoever uses it should say so.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from nie.data.graph import Channel
from nie.data.raw import find_packed, read_rows
from nie.errors import NieError

MIN_VALUES = 50
"""Attributes of fewer entities are left out."""

PRESENT_YEAR = 2016
"""Freebase closed in this year, which is where years are counted back from."""

POPULARITY = "base.popstra."
POPULATION = "topic_server.population_number"
YEAR_WORDS = ("date", "founded", "established", "active_start", "active_end", "discontinued", "ceased_operations")
# The attribute as it stands in the file.
PREFIX, SUFFIX = "<http://rdf.freebase.com/ns/", ">"


def numeric_channels(
    path: str | os.PathLike[str], index: Mapping[str, int], min_values: int = MIN_VALUES
) -> dict[str, Channel]:
    """Return the channels ``facts`` and ``population`` of the nodes that ``index`` numbers.

    Each attribute of ``min_values`` entities or more has two columns: its value, and whether it is known. A year y
    becomes -log(1 + 2016 - y), so that recent years are told apart and antiquity is no outlier; any other value x
    becomes sign(x) log(1 + abs(x)). Where it is not known, the mean of the known ones stands. Attributes are in
    alphabetical order. A channel without an attribute is left out.

    Raises:
        NieError: a malformed line, an unknown entity, a value that is no finite number, or a fact that stands twice.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "facts.txt"
    >>> fact = "a\\t<http://rdf.freebase.com/ns/people.person.date_of_birth>\\t1916.0"
    >>> _ = file.write_text(fact)
    >>> numeric_channels(file, {"a": 0, "b": 1}, min_values=1)["facts"].features.astype(int).tolist()
    [[-4, 1], [0, 0]]
    """
    values = _read(path, index)
    kept = sorted(name for name, known in values.items() if len(known) >= min_values)
    parts = {"facts": [name for name in kept if name != POPULATION], "population": [POPULATION] * (POPULATION in kept)}
    return {
        channel: _channel([_scaled(name, values[name]) for name in names], len(index))
        for channel, names in parts.items()
        if names
    }


def _read(path: str | os.PathLike[str], index: Mapping[str, int]) -> dict[str, dict[int, float]]:
    """Return attribute -> node -> value."""
    shown = find_packed(path)
    values: dict[str, dict[int, float]] = defaultdict(dict)
    for line, (mid, attribute, text) in read_rows(path, 3):
        name = attribute.removeprefix(PREFIX).removesuffix(SUFFIX)
        if mid not in index:
            raise NieError(f"{shown}, line {line}: the entity {mid} is not in the graph.")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise NieError(f"{shown}, line {line}: the value is {text!r}; a finite number is expected.")
        if index[mid] in values[name]:
            raise NieError(f"{shown}, line {line}: {name} of {mid} stands there twice.")
        if not name.startswith(POPULARITY):
            values[name][index[mid]] = value
    return values


def _scaled(name: str, known: Mapping[int, float]) -> dict[int, float]:
    if any(word in name.rsplit(".", 1)[-1] for word in YEAR_WORDS):
        return {node: -math.log1p(max(PRESENT_YEAR - year, 0.0)) for node, year in known.items()}
    return {node: math.copysign(math.log1p(abs(value)), value) for node, value in known.items()}


def _channel(attributes: list[dict[int, float]], num_nodes: int) -> Channel:
    features = np.zeros((num_nodes, 2 * len(attributes)), dtype=np.float32)
    mask = np.zeros(num_nodes, dtype=bool)
    for column, known in enumerate(attributes):
        nodes, values = np.fromiter(known, np.int64), np.fromiter(known.values(), np.float64)
        features[:, 2 * column] = values.mean()
        features[nodes, 2 * column] = values
        features[nodes, 2 * column + 1] = 1
        mask[nodes] = True
    features[~mask] = 0
    return Channel(features, mask)
