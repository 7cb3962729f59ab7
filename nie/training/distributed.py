"""The hosts of a distributed run: one server and one trainer on each, joined by DGL's engine and torch's gloo.

`nie launch` starts the same command on every host, and says in the environment which hosts there are, which of them
this one is, and whether the process is its server or its trainer. Nothing here guards what the hosts send each other:
they must be on a network that strangers do not reach.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from nie.dgl_compat import dgl
from nie.disk.atomic import NotWritten, lies_in_disk
from nie.errors import NieError, shown
from nie.foreign import one_line
from nie.hosts import GOES_ON, SERVER, Place
from nie.training.lifelines import Lifelines, end_at_once
from nie.training.parts import Parts, versions
from nie.training.silent_dgl import silent_dgl

STORE_PORT, GROUP_PORT = 30050, 30051
"""Of DGL's servers, and of the first trainer, where the others join."""
WAITS_FOR_OTHERS = timedelta(days=30)
"""A trainer may wait for the first one as long as that waits for a fold on which another machine works; whether a host
was lost is seen by `nie.training.lifelines`, and much sooner."""
SHARED_MEMORY = "/dev/shm"
SIOCGIFADDR = 0x8915


def serve(place: Place, parts: Parts) -> NoReturn:
    """Serve a host's part until the trainers have left, and end the process.

    Raises:
        NieError: the host's shared memory has no room for the part.
    """
    with leaving_alone():
        _check_room(place, parts)
        _join_dgl(place, parts)
    raise AssertionError("DGL ends the process of a server")


def _check_room(place: Place, parts: Parts) -> None:
    """Refuse shared memory that is smaller than the part, whose use would end the server by a signal."""
    room, least = shutil.disk_usage(SHARED_MEMORY).free, parts.size(place.number)
    if room < least:
        more = f"mount -o remount,size={2 * least // 1_000_000 + 1}M {SHARED_MEMORY}"
        raise NotWritten(
            f"{SHARED_MEMORY} of {place.host} has room for {room / 1e6:,.1f} MB, and the part takes more than "
            f"{least / 1e6:,.1f} MB; give it twice that, as by '{more}'."
        )


def _join_dgl(place: Place, parts: Parts) -> None:
    """Let DGL connect the servers and trainers of all hosts; it never returns to a server."""
    os.environ.update({
        "DGL_DIST_MODE": "distributed", "DGL_ROLE": "server" if place.role == SERVER else "client",
        "DGL_CONF_PATH": str(parts.config), "DGL_SERVER_ID": str(place.number), "DGL_NUM_SERVER": "1",
        "DGL_NUM_CLIENT": str(len(place.hosts)), "DGL_NUM_SAMPLER": "0", "DGL_GRAPH_FORMAT": "csc",
    })  # fmt: skip
    lines = (f"{socket.gethostbyname(host)} {STORE_PORT}\n" for host in place.hosts)
    # A file without a name, as a server stays in what follows until it is ended, by a signal or as it likes.
    with tempfile.TemporaryFile() as file, silent_dgl():
        file.write("".join(lines).encode())
        file.flush()
        os.environ["DGL_IP_CONFIG"] = f"/proc/self/fd/{file.fileno()}"
        dgl.distributed.initialize(os.environ["DGL_IP_CONFIG"])


@contextlib.contextmanager
def leaving_alone() -> Iterator[None]:
    """Let this process end as soon as an error in the block has been told.

    DGL would let it wait for all others, who may wait for what it will never send, and without that its threads abort
    a process that ends as usual.
    """
    try:
        yield
    except SystemExit:  # as which DGL ends a server that has served
        raise
    except BaseException as error:
        atexit.unregister(dgl.distributed.exit_client)
        known = 2 if isinstance(error, (NieError, OSError, MemoryError)) else 1
        atexit.register(end_at_once, GOES_ON if lies_in_disk(error) else known)
        raise


class Trainers:
    """The trainers of all hosts, of which this process is one; the first leads.

    Args:
        place: of this trainer.
        parts: what they train on.

    Raises:
        NieError: two hosts share their memory, or differ in their versions or parts.
    """

    def __init__(self, place: Place, parts: Parts) -> None:
        self.number, self.count, lifelines = place.number, len(place.hosts), Lifelines(place)
        os.environ["GLOO_SOCKET_IFNAME"] = _interface(place.host)
        first = f"tcp://{place.hosts[0]}:{GROUP_PORT}"
        with leaving_alone():
            try:
                torch.distributed.init_process_group(
                    "gloo", init_method=first, rank=self.number, world_size=self.count, timeout=WAITS_FOR_OTHERS
                )
            except torch.distributed.DistError as error:
                raise NieError(
                    f"The trainers do not meet at {first} ({one_line(str(error), 200)}); is another distributed run "
                    "there?"
                ) from error
            lifelines.hold()
            self._compare(place, parts)
            _join_dgl(place, parts)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """In the block, all trainers work, and when it ends they leave together."""
        with leaving_alone():
            yield
            with silent_dgl():
                dgl.distributed.exit_client()
        torch.distributed.destroy_process_group()

    @property
    def leads(self) -> bool:
        """Whether this trainer is the first, which writes the run."""
        return self.number == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all trainers, in place."""
        torch.distributed.all_reduce(values)
        return values

    def as_first(self, values: Tensor, first: int = 0) -> Tensor:
        """The first trainer's values, in the place of one's own, which have the same shape."""
        torch.distributed.broadcast(values, first)
        return values

    def told(self, content: bytes = b"", by: int = 0) -> bytes:
        """What a trainer, by default the first, tells the others, who give nothing."""
        length = int(self.as_first(torch.tensor(len(content)), by))
        filled = torch.zeros(length, dtype=torch.uint8)
        if content:
            filled = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return bytes(self.as_first(filled, by).numpy()) if length else b""

    def _compare(self, place: Place, parts: Parts) -> None:
        """Refuse hosts that would give each other wrong rows."""
        mine = _of_this_host(parts)
        for number, host in enumerate(place.hosts):
            said = json.loads(self.told(json.dumps(mine).encode() if number == self.number else b"", by=number))
            for what, own in mine.items():
                if what == "memory" and number != self.number and said[what] == own:
                    raise NieError(
                        f"The hosts {place.host} and {host} share {SHARED_MEMORY}, by which each would "
                        "read the other's part as its own; give each part a machine of its own."
                    )
                if what != "memory" and said[what] != own:
                    raise NieError(
                        f"The hosts differ in {what}: {shown(said[what])} on {host}, {shown(own)} on "
                        f"{place.host}; make them the same."
                    )


def _of_this_host(parts: Parts) -> dict[str, Any]:
    """What tells hosts apart, and what must be the same on all of them."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return {
        "memory": f"{boot} {os.stat(SHARED_MEMORY).st_dev}",
        **{f"the version of {name}": version for name, version in versions().items()},
        "the parts": parts.digest,
    }


def _interface(address: str) -> str:
    """The network interface that has an address.

    Raises:
        NieError: none has it.

    >>> _interface("127.0.0.1")
    'lo'
    """
    wanted = socket.gethostbyname(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # of an interface without an address
                answer = fcntl.ioctl(asked.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                if socket.inet_ntoa(answer[20:24]) == wanted:
                    return name
    named = address if wanted == address else f"{wanted}, which the name {address} has here"
    raise NieError(
        f"No network interface of this host has the address {named}; write the address by which other hosts reach it "
        "into the hosts file."
    )
