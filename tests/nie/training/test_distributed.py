"""nie.training.distributed: hosts that do not go together are refused before a row is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from nie.errors import NieError
from nie.hosts import GOES_ON, TRAINER, Place
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


def test_an_address_that_this_host_has_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _interface("127.0.0.1") == "lo"
    with pytest.raises(
        NieError, match=r"No network interface of this host has the address 192\.0\.2\.1; write the addr"
    ):
        _interface("192.0.2.1")
    # As Debian has a host know itself.
    monkeypatch.setattr(distributed.socket, "gethostbyname", lambda name: "127.0.1.1")
    with pytest.raises(
        NieError, match=r"has the address 127\.0\.1\.1, which the name node1 has here; write the address by"
    ):
        _interface("node1")


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("OSError(28, 'No space left on device')", GOES_ON),
        ("NotWritten('The disk is full.')", GOES_ON),
        ("FileNotFoundError(2, 'No such file')", 2),
        ("NieError('wrong')", 2),
        ("RuntimeError('unforeseen')", 1),
    ],
)
def test_what_a_disk_is_short_of_lets_the_same_command_go_on(raised: str, code: int) -> None:
    """On any host: only the first one writes a run, and all of them have temporary files."""
    program = f"""
from nie.disk.atomic import NotWritten
from nie.errors import NieError
from nie.training.distributed import leaving_alone
with leaving_alone():
    raise {raised}
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == code
