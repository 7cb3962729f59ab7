"""nie.training.distributed: hosts that do not go together are refused before a row is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from nie.errors import NieError
from nie.hosts import TRAINER, Place
from nie.training import distributed
from nie.training.distributed import Trainers, _interface
from nie.training.parts import Parts


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "share /dev/shm"),
        ({"memory": "another"}, ""),
        ({"memory": "another", "the version of torch": "1.0"}, "differ in the version of torch: '1.0' on 10.0.0.2"),
        ({"memory": "another", "the version of dgl": "0.1"}, "differ in the version of dgl: '0.1' on 10.0.0.2"),
        ({"memory": "another", "the parts": "0" * 64}, "differ in the parts"),
    ],
)
def test_hosts_that_do_not_go_together_are_refused(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    (tmp_path / "parts.json").write_text("{}")
    parts = Parts(tmp_path, {})
    other = {**distributed._of_this_host(parts), **changed}
    trainers: Any = type("First", (), {"number": 0})()
    trainers.told = lambda content, by: content if by == 0 else json.dumps(other).encode()
    place = Place(("10.0.0.1", "10.0.0.2"), 0, TRAINER)
    if not said:
        Trainers._compare(cast(Trainers, trainers), place, parts)
        return
    with pytest.raises(NieError, match=said):
        Trainers._compare(cast(Trainers, trainers), place, parts)


def test_an_address_that_this_host_has_not_is_refused() -> None:
    assert _interface("127.0.0.1") == "lo"
    with pytest.raises(NieError, match=r"no network interface of the address 192\.0\.2\.1"):
        _interface("192.0.2.1")
