"""The numbers that Freebase has on the entities of FB15k, as two channels: population, and everything else.

The attributes ``popstra.sww_base.*`` are left out: they count searches for an entity, which is its popularity itself.
Population stands apart because on places it is close to a measure of importance; whoever uses it should say so.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Mapping

from nie.data.channel import Channel
from nie.data.extract.numeric import NumericFeatureExtractor
from nie.data.raw import find_packed, read_rows
from nie.errors import NieError, shown

MIN_VALUES = 50
"""Attributes of fewer entities are left out."""

POPULARITY = "base.popstra."
POPULATION = "topic_server.population_number"
# The attribute as it stands in the file.
PREFIX, SUFFIX = "<http://rdf.freebase.com/ns/", ">"


def numeric_channels(
    path: str | os.PathLike[str], index: Mapping[str, int], min_values: int = MIN_VALUES
) -> dict[str, Channel]:
    """Return the channels ``facts`` and ``population`` of the nodes that ``index`` numbers.

    Each attribute of ``min_values`` entities or more has the two columns of
    :class:`nie.data.extract.NumericFeatureExtractor`, with years before 2016, when Freebase closed. A channel without
    an attribute is left out.

    Raises:
        NieError: a malformed line, an unknown entity, a value that is no finite number, or a fact that is given twice.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "facts.txt"
    >>> fact = "a\\t<http://rdf.freebase.com/ns/people.person.date_of_birth>\\t1916.0"
    >>> _ = file.write_text(fact)
    >>> numeric_channels(file, {"a": 0, "b": 1}, min_values=1)["facts"].features.astype(int).tolist()
    [[-4, 1], [0, 0]]
    """
    values = _read(path, index)
    population = {POPULATION: values.pop(POPULATION, {})}
    extract = NumericFeatureExtractor(min_values=min_values)
    channels = {"facts": extract(values, len(index)), "population": extract(population, len(index))}
    return {name: channel for name, channel in channels.items() if channel is not None}


def _read(path: str | os.PathLike[str], index: Mapping[str, int]) -> dict[str, dict[int, float]]:
    """Return attribute -> node -> value."""
    found = find_packed(path)
    values: dict[str, dict[int, float]] = defaultdict(dict)
    for line, (mid, attribute, text) in read_rows(path, 3):
        name = attribute.removeprefix(PREFIX).removesuffix(SUFFIX)
        if mid not in index:
            raise NieError(f"{found}, line {line}: the entity {mid} is not in the graph.")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise NieError(f"{found}, line {line}: the value must be a finite number; got {shown(text)}.")
        if index[mid] in values[name]:
            raise NieError(f"{found}, line {line}: {name} of {mid} is given twice.")
        if not name.startswith(POPULARITY):
            values[name][index[mid]] = value
    return values
