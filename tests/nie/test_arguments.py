"""nie.arguments: every public function that is given something else names the argument in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nie.data import build, counts, features, fetch, info, load, message_graph, read, save, synthetic
from nie.errors import NieError
from nie.runs.run import read_run

KG = synthetic(0)
CALLS: dict[str, Callable[[Any], Any]] = {
    "kg of features": lambda value: features(value, "degrees"),
    "name of features": lambda value: features(KG, value),
    "root of features": lambda value: features(KG, "degrees", root=value),
    "seed of features": lambda value: features(KG, "node2vec", seed=value),
    "kg of message_graph": message_graph,
    "kg of info": info,
    "kg of counts": counts,
    "kg of save": lambda value: save(value, "unused"),
    "folder of save": lambda value: save(KG, value),
    "folder of read": read,
    "root of load": lambda value: load("mine", value),
    "root of build": lambda value: build("mine", value, triples="t.tsv"),
    "triples of build": lambda value: build("mine", triples=value),
    "text of build": lambda value: build("mine", triples=__file__, text=value),
    "columns of build": lambda value: build("mine", triples=__file__, columns=value),
    "min_population of build": lambda value: build("geo", min_population=value),
    "dataset of fetch": fetch,
    "root of fetch": lambda value: fetch("geo", value),
    "seed of synthetic": synthetic,
    "num_nodes of synthetic": lambda value: synthetic(0, value),
    "path of read_run": read_run,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("value", [-1, 3.5, b"x", [1], {}, True, object()])
def test_what_is_of_another_kind_is_named(call: str, value: Any) -> None:
    with pytest.raises(NieError, match=rf"{call.split()[0]} (must be|name .* is not allowed)") as raised:
        CALLS[call](value)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize("call", [call for call in CALLS if call.split()[0] not in ("triples", "text", "columns")])
def test_none_is_named(call: str) -> None:
    with pytest.raises(NieError, match=rf"{call.split()[0]} (must be|name .* is not allowed)"):
        CALLS[call](None)
