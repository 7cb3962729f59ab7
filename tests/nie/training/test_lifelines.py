"""nie.training.lifelines: who is taken for a trainer, and who is not."""

from __future__ import annotations

import socket
import threading
from queue import SimpleQueue

import pytest

from nie.errors import NieError
from nie.hosts import TRAINER, Place
from nie.training import lifelines
from nie.training.lifelines import Lifelines

HOSTS = ("127.0.0.1", "127.0.0.2")
Ends = SimpleQueue[tuple[str, str]]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """The hosts at the ends of each lifeline that is held, at a port that is free."""
    with socket.create_server((HOSTS[0], 0)) as free:
        monkeypatch.setattr(lifelines, "PORT", free.getsockname()[1])
    monkeypatch.setattr(lifelines, "GREETS_WITHIN_S", 0.2)
    ends = Ends()

    def watch(connection: socket.socket, own: str, other: str) -> None:
        connection.close()
        ends.put((own, other))

    monkeypatch.setattr(lifelines, "_watch", watch)
    return ends


def stray(said: bytes) -> socket.socket:
    connection = socket.create_connection((HOSTS[0], lifelines.PORT), 10)
    connection.sendall(said)
    return connection


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:  # what was said is not read to its end
        return True


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"trainer 1 of 10.0.0.1,10.0.0.2\n"])
def test_a_connection_that_does_not_greet_takes_no_place(said: bytes, watched: Ends) -> None:
    first = Lifelines(Place(HOSTS, 0, TRAINER))
    holding = threading.Thread(target=first.hold)
    with stray(said) as silent, stray(said) as gone:
        gone.close()
        second = Lifelines(Place(HOSTS, 1, TRAINER))
        holding.start()
        second.hold()
        holding.join(10)
        assert not holding.is_alive()
        silent.settimeout(10)
        assert is_closed(silent)
    assert {watched.get(timeout=10)[0] for _ in HOSTS} == set(HOSTS)
    assert watched.empty()


def test_trainers_that_do_not_come_are_one_sentence(watched: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifelines, "REACHED_WITHIN_S", 0.5)
    first = Lifelines(Place(HOSTS, 0, TRAINER))
    with stray(b""), pytest.raises(NieError, match=r"127\.0\.0\.1 does not reach all of 127\.0\.0\.1, 127\.0\.0\.2"):
        first.hold()
    assert watched.empty()
