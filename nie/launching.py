"""A command on several hosts: a server and a trainer of it on each, watched until all have ended or one has failed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from nie.errors import NieError, shown
from nie.foreign import one_line
from nie.hosts import GOES_ON, SERVER, TRAINER, Place
from nie.progress import log

SSH = (
    "ssh -tt -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=3 -o LogLevel=ERROR"
)
"""A lost network ends ssh within 30 seconds; the terminal of ``-tt`` ends what ran on the host when ssh ends."""
SSH_FAILED = 255
SIGNALS_FROM = 128
"""A shell gives the code 128 + n for a program that signal n has ended."""
_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of Linux
_MAY_BE: dict[int, str] = {signal.SIGBUS: ", as where /dev/shm is full"}
REACHED_WITHIN_S = 15
LOOKED_AT_EVERY_S = 0.2
SETTLES_WITHIN_S = 1.0
LEAVE_WITHIN_S = 20
"""For processes that are to end by themselves."""


@dataclass(frozen=True)
class Launch:
    """A command that is to run on hosts.

    Attributes:
        hosts: their addresses.
        shell: what runs a command on one of them, called with the address and the command.
        command: what runs there, a word an item.
        folder: where it runs, the same on all hosts.
    """

    hosts: tuple[str, ...]
    shell: Sequence[str]
    command: Sequence[str]
    folder: Path

    def places(self) -> Iterator[Place]:
        """Those of all processes, the servers' first."""
        for role in (SERVER, TRAINER):
            yield from (Place(self.hosts, number, role) for number in range(len(self.hosts)))

    def program(self, place: Place) -> str:
        """The command that is a process, as the shell of its host reads it."""
        environment = [f"{name}={shlex.quote(value)}" for name, value in place.environment.items()]
        return f"cd {shlex.quote(str(self.folder))} && exec env {' '.join(environment)} {shlex.join(self.command)}"

    def said(self) -> list[str]:
        """All commands, as a shell reads them."""
        return [shlex.join([*self.shell, place.host, self.program(place)]) for place in self.places()]

    def check_hosts(self) -> None:
        """Raise unless every host runs commands, and has the folder.

        Raises:
            NieError: one does not.
        """
        asked = f"cd {shlex.quote(str(self.folder))}"
        until = time.monotonic() + REACHED_WITHIN_S
        with contextlib.ExitStack() as started:
            tried = {host: started.enter_context(_started([*self.shell, host, asked])) for host in self.hosts}
            for process in tried.values():
                started.callback(process.kill)
            for host, process in tried.items():
                try:
                    output, _ = process.communicate(timeout=max(until - time.monotonic(), 0.1))
                except subprocess.TimeoutExpired as error:
                    raise NieError(f"The host {host} did not answer in {REACHED_WITHIN_S} seconds.") from error
                if process.returncode:
                    why = _last_line(output) or f"exit code {process.returncode}"
                    raise NieError(f"The host {host} cannot be used: {why.rstrip('.')}.")

    def run(self) -> int:
        """Run the command on all hosts; returns 0 when all trainers have ended well.

        What the first trainer prints is printed; what the others do is kept until it is known whether it is needed.

        Raises:
            NieError: a process failed; the others were stopped.
        """
        with _stopping_all(), _Running(self) as running:
            failed = running.watched()
        if failed is not None:
            further = ", and the same command goes on from the last checkpoint" if failed.goes_on else ""
            raise NieError(f"{failed.said}; the others were stopped{further}.")
        return 0


@contextlib.contextmanager
def _stopping_all() -> Iterator[None]:
    """In the block, what ends the launcher, a terminal that is closed too, stops all hosts; not so under ``nohup``."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}
    ends = [one for one, handler in before.items() if handler != signal.SIG_IGN]
    for one in ends:
        signal.signal(one, signal.default_int_handler)
    try:
        yield
    finally:
        for one in ends:
            signal.signal(one, before[one])


class Failure(NamedTuple):
    """A process that has ended badly.

    Attributes:
        said: which one, how, and what it said last.
        goes_on: whether what failed lies in the machines, so that the same command goes on once that is mended.
    """

    said: str
    goes_on: bool


@dataclass
class _Running:
    """The processes of a launch; they are stopped when the block ends."""

    launch: Launch
    processes: dict[Place, subprocess.Popen[bytes]] = field(default_factory=dict)
    printed: dict[Place, Path] = field(default_factory=dict)

    def __enter__(self) -> _Running:
        self.logs = tempfile.TemporaryDirectory(prefix="nie-launch-")
        for place in self.launch.places():
            self.printed[place] = Path(self.logs.name, f"{place.role}{place.number}.log")
            with self.printed[place].open("wb") as file:
                leads = place.role == TRAINER and place.number == 0
                command = [*self.launch.shell, place.host, with_code(self.launch.program(place))]
                self.processes[place] = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=None if leads else file,
                    stderr=None if leads else subprocess.STDOUT, start_new_session=True, preexec_fn=_end_with_launcher,
                )  # fmt: skip
        log.info("Started a server and a trainer on each of %s.", ", ".join(self.launch.hosts))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        until = time.monotonic() + LEAVE_WITHIN_S
        for process in self.processes.values():
            try:
                process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # the shell that waits for the program, and the program
                process.wait()
        self.logs.cleanup()

    def watched(self) -> Failure | None:
        """What failed first; None when all trainers have ended well, after whom the servers leave."""
        trainers = [process for place, process in self.processes.items() if place.role == TRAINER]
        while any(process.poll() is None for process in trainers):
            if self._failed():
                self._settle()
                return self._failed()
            time.sleep(LOOKED_AT_EVERY_S)
        failed = self._failed()
        until = time.monotonic() + LEAVE_WITHIN_S
        while not failed and time.monotonic() < until and any(p.poll() is None for p in self.processes.values()):
            time.sleep(LOOKED_AT_EVERY_S)
        return failed

    def _settle(self) -> None:
        """Wait a moment, as the process with the reason may take longer to end; and longer while all were aborted."""
        time.sleep(SETTLES_WITHIN_S)
        until = time.monotonic() + LEAVE_WITHIN_S
        says_nothing = (None, 0, -signal.SIGABRT)
        while time.monotonic() < until and all(_code(one) in says_nothing for one in self.processes.values()):
            time.sleep(LOOKED_AT_EVERY_S)

    def _failed(self) -> Failure | None:
        """A process that has ended badly: one that was killed, which fails others, or that says why.

        What was aborted comes last, as DGL's threads abort a process that loses the others.
        """
        bad = {place: code for place, process in self.processes.items() if (code := _code(process))}
        if not bad:
            return None
        words = {one: _last_line(self.printed[one].read_bytes()) for one in bad}
        place = min(bad, key=lambda one: (_blame(bad[one]), not words[one]))
        code, said = bad[place], words[place]
        how = f"killed by signal {-code}{_MAY_BE.get(-code, '')}" if code < 0 else f"exit code {code}"
        sentence = f"The {place.role} of {place.host} has ended ({how}){f': {said}' if said else ''}".rstrip(".")
        return Failure(sentence, code < 0 or code in (GOES_ON, SSH_FAILED))


def _end_with_launcher() -> None:
    """Let the system end a process that was just started when the launcher is gone, even where it was killed."""
    with contextlib.suppress(OSError, AttributeError):  # of a system that knows no such thing
        ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGTERM)


def with_code(program: str) -> str:
    """A command for a host's shell that runs a program, hands it what is to end it, and has its exit code.

    A program that a signal ends is 255 to ssh, as is a host that is no longer reached; to a shell it is 128 + n.

    >>> subprocess.run(["sh", "-c", with_code("exec sh -c 'kill -9 $$'")]).returncode
    137
    """
    # A wait that a signal interrupts has another code, and the program is still there.
    waits = "while :; do wait $!; code=$?; kill -0 $! 2>/dev/null || exit $code; done"
    return f"trap 'kill $!' HUP INT TERM; ({program}) & {waits}"


def _code(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code, -n of a program that signal n has ended; None while it runs."""
    code = process.poll()
    return SIGNALS_FROM - code if code is not None and SIGNALS_FROM < code < SSH_FAILED else code


def _blame(code: int) -> int:
    """How late a process with this exit code comes among those that may have failed the others.

    >>> sorted([1, -signal.SIGABRT, SSH_FAILED, GOES_ON, -signal.SIGKILL], key=_blame)
    [-9, 75, 255, 1, -6]
    """
    if code == -signal.SIGABRT:
        return 4
    return 0 if code < 0 else {2: 1, GOES_ON: 1, SSH_FAILED: 2}.get(code, 3)


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise NieError(
            f"{shown(arguments[0])}, which runs commands on hosts, cannot be started: {error.strerror}."
        ) from error


def _last_line(output: bytes) -> str:
    """What a process said last: of ours, the reason, behind which C++ may have said that it was aborted.

    >>> _last_line(b"fold 0\\nnie: The disk is full.\\nterminate called without an active exception\\n")
    'The disk is full.'
    """
    lines = output.decode(errors="replace").strip().splitlines()
    reasons = [line for line in lines if line.startswith("nie: ")]
    return one_line((reasons or lines)[-1].removeprefix("nie: "), 500) if lines else ""
