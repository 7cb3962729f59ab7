"""Hosts that are network namespaces of this machine, each with shared memory of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage_helpers import store_synthetic

from nie.__main__ import main

HOSTS = ("10.77.31.1", "10.77.31.2")
NIE = [sys.executable, "-m", "nie"]


def why_not() -> str | None:
    """Why no such host can be made here; None where it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"there is no {missing[0]}"
    made = subprocess.run(["unshare", "-n", "-m", "-i", "true"], capture_output=True, text=True, check=False)
    return f"no namespace can be made: {made.stderr.strip()}" if made.returncode else None


REASON = why_not()
needs_hosts = pytest.mark.skipif(REASON is not None, reason=str(REASON))
"""For tests that make `HOSTS`."""


def parted(root: Path, flags: list[str]) -> Path:
    """A folder of datasets with the small graph in two parts, and the names of `HOSTS` in ``hosts.txt``."""
    store_synthetic(root)
    assert main(["partition", "synthetic", "--parts", "2", *flags, "--data-root", str(root), "--quiet"]) == 0
    (root / "hosts.txt").write_text("\n".join(HOSTS))
    return root


@contextlib.contextmanager
def two_hosts(folder: Path, *, own_memory: bool = True) -> Iterator[str]:
    """Make `HOSTS`, joined by a cable, and yield the ``--shell`` by which `nie launch` runs commands on them.

    Args:
        folder: for the script.
        own_memory: each has a /dev/shm of its own, as machines do.
    """
    mounted = "mount -t tmpfs tmpfs /dev/shm; " if own_memory else ""
    holding = ["unshare", "-n", "-m", "-i", "sh", "-c", f"{mounted}ip link set lo up; echo; exec sleep infinity"]
    with contextlib.ExitStack() as held:
        pids = []
        for _ in HOSTS:
            holder = held.enter_context(subprocess.Popen(holding, stdout=subprocess.PIPE))
            held.callback(holder.kill)
            assert holder.stdout is not None
            holder.stdout.readline()
            pids.append(holder.pid)
        one, two = (f"nie{pid}" for pid in pids)
        ip("link", "add", one, "type", "veth", "peer", "name", two)
        for pid, cable, host in zip(pids, (one, two), HOSTS, strict=True):
            ip("link", "set", cable, "netns", str(pid))
            inside = ["nsenter", "-t", str(pid), "-n", "ip"]
            subprocess.run([*inside, "addr", "add", f"{host}/24", "dev", cable], check=True)
            subprocess.run([*inside, "link", "set", cable, "up"], check=True)
        script = folder / "enter"
        cases = "\n".join(f"  {host}) pid={pid};;" for host, pid in zip(HOSTS, pids, strict=True))
        entering = 'exec nsenter -t "$pid" -n -m -i -- sh -c "$2"'
        script.write_text(
            f'#!/bin/sh\ncase "$1" in\n{cases}\n  *) echo "no route to $1"; exit 255;;\nesac\n{entering}\n', "utf-8"
        )
        script.chmod(0o755)
        yield str(script)


def launching(shell: str, data: Path, command: list[str], program: list[str] = NIE) -> list[str]:
    """The arguments of `nie launch` that run a command on the hosts that `parted` has named.

    Args:
        shell: as `two_hosts` yields it.
        data: the folder of `parted`.
        command: of nie, without --distributed.
        program: what the command is one of.
    """
    launch = ["launch", "--hosts", str(data / "hosts.txt"), "--shell", shell]
    return [*launch, "--", *program, *command, "--distributed"]


@contextlib.contextmanager
def launched(
    shell: str, data: Path, command: list[str], program: list[str] = NIE
) -> Iterator[subprocess.Popen[str]]:  # fmt: skip
    """A launch, as `launching` has it, in a process of its own."""
    words = [*NIE, *launching(shell, data, command, program)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


STOPS = """
import os, signal, sys, time
from pathlib import Path
from nie.__main__ import main
from nie.training import loop

loop.CHECKPOINT_EVERY_S = -1.0
trained = loop._State.train_epoch

def train_or_stop(state, losses):
    if os.environ["NIE_ROLE"] == "trainer" and state.history.epochs == 2:
        {stops}
    return trained(state, losses)

loop._State.train_epoch = train_or_stop
sys.exit(main(sys.argv[1:]))
"""


def dying(folder: Path) -> list[str]:
    """A program as `nie` is, whose trainer of the second host is killed in the third epoch, with a checkpoint of two.

    Args:
        folder: for the program.
    """
    return _stopping(folder, "os.environ['NIE_HOST'] == '1' and os.kill(os.getpid(), signal.SIGKILL)")


def waiting(folder: Path) -> list[str]:
    """A program as `nie` is, whose first trainer lets the second wait in the third epoch, with a checkpoint of two.

    Args:
        folder: for the program; the file ``waits`` says that it waits, and it goes on when there is a file ``goes_on``.
    """
    waits, goes_on = (f"Path({str(folder / name)!r})" for name in ("waits", "goes_on"))
    until = f"while os.environ['NIE_HOST'] == '0' and not {goes_on}.exists():"
    return _stopping(folder, f"{until} {waits}.touch(); time.sleep(0.1)")


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Wait until there is a file, which a process that still runs is to make."""
    while not file.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)


def _stopping(folder: Path, stops: str) -> list[str]:
    (folder / "stops.py").write_text(STOPS.format(stops=stops), "utf-8")
    return [sys.executable, str(folder / "stops.py")]


def ip(*words: str) -> None:
    """Call ``ip``."""
    subprocess.run(["ip", *words], check=True)


def cable_of(shell: str, host: str) -> str:
    """The name of a host's end of the cable."""
    said = subprocess.run([shell, host, "ip -o link"], check=True, capture_output=True, text=True).stdout
    return next(name for line in said.splitlines() if (name := line.split()[1].split("@")[0]).startswith("nie"))
