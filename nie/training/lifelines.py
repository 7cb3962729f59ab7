"""Connections between the trainers of all hosts by which each notices that it has lost another, even where it waits.

A trainer that waits for another's numbers, in DGL or gloo, would wait on for many minutes after the network is gone.
Over a lifeline nothing is sent but a greeting, which a scan of ports does not know: the kernels of both hosts ask each
other whether they are there, however busy the trainers are.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence

from nie.errors import NieError
from nie.hosts import GOES_ON, Place

PORT = 30052
ASKS_AFTER_S, ASKS_EVERY_S, ASKS = 10, 5, 4
"""A host that is silent is lost after 10 + 4 x 5 seconds."""
REACHED_WITHIN_S, GREETS_WITHIN_S = 30.0, 3.0


class Lifelines:
    """Those of one trainer, which can be connected to from now on.

    Args:
        place: of the trainer.

    Raises:
        NieError: the port is taken.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        try:
            self.listener = socket.create_server((place.host, PORT), backlog=len(place.hosts))
        except OSError as error:
            raise NieError(
                f"The host {place.host} cannot be connected to at port {PORT} ({error.strerror}); is another "
                "distributed run there?"
            ) from error

    def hold(self) -> None:
        """Connect with all others, who do the same; one that is lost from then on ends this process in one sentence.

        Raises:
            NieError: one is not reached.
        """
        own, hosts = self.place.number, self.place.hosts
        try:
            with self.listener:
                held = [socket.create_connection((host, PORT), REACHED_WITHIN_S) for host in hosts[:own]]
                for connection in held:
                    connection.sendall(self._greeting(own))
                held += self._accepted()
        except OSError as error:
            raise NieError(f"{self.place.host} does not reach all of {', '.join(hosts)} at port {PORT}.") from error
        for connection in held:
            _keep_alive(connection)
            watched = (connection, self.place.host, connection.getpeername()[0])
            threading.Thread(target=_watch, args=watched, daemon=True, name="lifeline").start()

    def _accepted(self) -> list[socket.socket]:
        """Connections of all trainers that come after this one; one that does not greet as they do is closed."""
        awaited = {self._greeting(number) for number in range(self.place.number + 1, len(self.place.hosts))}
        held, until = list[socket.socket](), time.monotonic() + REACHED_WITHIN_S
        while awaited:
            self.listener.settimeout(max(until - time.monotonic(), 0.01))
            connection, _ = self.listener.accept()
            greeting = _line_of(connection, max(map(len, awaited)))
            if greeting in awaited:
                awaited.remove(greeting)
                held.append(connection)
            else:
                connection.close()
        return held

    def _greeting(self, number: int) -> bytes:
        """What a trainer of this run says where it connects."""
        return f"trainer {number} of {','.join(self.place.hosts)}\n".encode()


def _line_of(connection: socket.socket, longest: int) -> bytes:
    """What is said first over a connection; nothing where that takes too long."""
    connection.settimeout(GREETS_WITHIN_S)
    with contextlib.suppress(OSError), connection.makefile("rb") as said:
        return said.readline(longest)
    return b""


def end_at_once(code: int, said: Sequence[str] = ()) -> None:
    """End the process without what Python and C++ do at its end, which may wait for other processes."""
    sys.stderr.writelines(f"nie: {line}\n" for line in said)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _keep_alive(connection: socket.socket) -> None:
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    asked = {"TCP_KEEPIDLE": ASKS_AFTER_S, "TCP_KEEPINTVL": ASKS_EVERY_S, "TCP_KEEPCNT": ASKS}
    for name, value in asked.items():
        if hasattr(socket, name):  # a system that knows none of them asks by its own clock
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _watch(connection: socket.socket, own: str, other: str) -> None:
    """Wait until the other trainer has ended, which is the launcher's to judge, or is lost."""
    with connection:
        try:
            connection.recv(1)
        except ConnectionResetError:
            return
        except OSError:
            end_at_once(GOES_ON, [f"{own} has lost {other}: it is no longer reached over the network."])
