"""The hosts of a distributed run: how `nie launch` tells a process where it stands, and the file that names them."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from nie.errors import NieError, shown

HOSTS, NUMBER, ROLE = "NIE_HOSTS", "NIE_HOST", "NIE_ROLE"
SERVER, TRAINER = "server", "trainer"
GOES_ON = 75
"""Exit code of a process that failed for what lies in the machines, such as a full disk: the same command goes on."""


@dataclass(frozen=True)
class Place:
    """Where a process stands among those of a distributed run.

    Attributes:
        hosts: addresses of the hosts; each has the part of its number.
        number: of the process's host.
        role: `SERVER` or `TRAINER`.
    """

    hosts: tuple[str, ...]
    number: int
    role: str

    @property
    def host(self) -> str:
        """Address of the process's host."""
        return self.hosts[self.number]

    @property
    def environment(self) -> dict[str, str]:
        """What says so to the process.

        >>> Place(("10.0.0.1", "10.0.0.2"), 1, SERVER).environment
        {'NIE_HOSTS': '10.0.0.1,10.0.0.2', 'NIE_HOST': '1', 'NIE_ROLE': 'server'}
        """
        return {HOSTS: ",".join(self.hosts), NUMBER: str(self.number), ROLE: self.role}

    @classmethod
    def of_environment(cls) -> Place:
        """What `nie launch` has said to this process.

        Raises:
            NieError: it has not started this process.
        """
        try:
            place = cls(tuple(os.environ[HOSTS].split(",")), int(os.environ[NUMBER]), os.environ[ROLE])
            _ = place.host
        except (KeyError, ValueError, IndexError) as error:
            raise NieError(
                "--distributed is for commands that 'nie launch' starts: nie launch --hosts hosts.txt -- nie ..."
            ) from error
        return place


def read_hosts(path: Path) -> tuple[str, ...]:
    """The addresses in a file, one a line; what follows a # is a comment.

    Raises:
        NieError: the file cannot be read, names no host, or names one twice, as two parts would share its memory.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NieError(
            f"The hosts file {shown(str(path))} cannot be read; give a text file of one address a line."
        ) from error
    hosts = tuple(host for line in lines if (host := line.partition("#")[0].strip()))
    if not hosts:
        raise NieError(f"The hosts file {shown(str(path))} names no host; write one address a line.")
    known: dict[str, str] = {}
    for host in hosts:
        if host.startswith("-") or not host.replace("-", "").replace(".", "").replace("_", "").isalnum():
            raise NieError(
                f"The hosts file {shown(str(path))} has a line that is no address: {shown(host)}; write an IPv4 "
                "address or a name there, and a user or a port into the configuration of ssh."
            )
        address = _address(host)
        if address in known:
            same = "twice" if known[address] == host else f"and {known[address]}, which is the same machine,"
            raise NieError(
                f"The hosts file {shown(str(path))} names {host} {same} but each part needs a machine of its own, "
                "because DGL would mix up two parts in one shared memory."
            )
        known[address] = host
    return hosts


def _address(host: str) -> str:
    """The IPv4 address of a host, or its name where only another host may know it."""
    try:
        return socket.gethostbyname(host)
    except OSError:
        return host
