"""Kills and broken disks at every call that changes a folder: what is done again must have the same bits.

A command runs in a process of its own, in which the calls are counted that Python makes to open a file for writing, to
rename, remove or make something, and to wait for the disk. At the n-th, the process is killed, or the call fails as it
does on a full or broken disk; or the process is killed at a random moment. Then the command runs again to its end.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import logging
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from link_helpers import ring
from stage_helpers import SMALL_FLAGS, store_synthetic

from nie.__main__ import main
from nie.disk import atomic

EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.link", "os.truncate")
KILLED = 137
FAULTS = {"kill": None, "full disk": errno.ENOSPC, "input/output error": errno.EIO}

# Not the same in every run, and not needed to be.
_CHANGING = re.compile(
    r"timing\.json|provenance\.json|DONE|seal\.json|\.lock$|\.log$|^logs/|^report/(?!(table|folds)\.csv)"
)


@dataclass(frozen=True)
class Job:
    """A command of nie and the folder that it starts from.

    Attributes:
        name: of the job.
        make: writes what the command reads.
        arguments: of nie, relative to the folder.
    """

    name: str
    make: Callable[[Path], Any]
    arguments: Sequence[str]


_ROOTS = ("--data-root", "data", "--run-root", "runs", "--quiet")
_TINY = (*SMALL_FLAGS[:4], "--folds.run", "0", "--optim.max_epochs", "2")


def _stored(folder: Path) -> None:
    store_synthetic(folder / "data")


def _own(folder: Path) -> None:
    lines = [f"n{i}\tr{i % 2}\tn{(i * 7 + 1) % 60}" for i in range(60)]
    (folder / "t.tsv").write_text("\n".join(lines) + "\n")
    (folder / "s.tsv").write_text("".join(f"n{i}\t{i + 1}\n" for i in range(60)))


def _rings(folder: Path) -> None:
    ring(folder / "data")


_RUN = (
    "run", "own", "--triples", "t.tsv", "--scores", "s.tsv", "--profile", "quick", "--optim.max_epochs", "2",
    "--folds.run", "0", "--features.structural", "none", "--out", "scores.csv", *_ROOTS,
)  # fmt: skip
_STUDY = (
    "study", "main", "synthetic", "--only", "ridge", "mlp+licap", "--epochs", "2", *_TINY[:-2], "--out", "report",
    *_ROOTS,
)  # fmt: skip
JOBS = (
    Job("build", _own, ("data", "build", "own", "--triples", "t.tsv", "--scores", "s.tsv", *_ROOTS)),
    Job("pretrain", _stored, ("pretrain", "--recipe", "fast", "--dataset", "synthetic", *_TINY, *_ROOTS)),
    Job("downstream", _stored,
        ("downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "mlp", *_TINY, *_ROOTS)),
    Job("link", _rings,
        ("link", "--recipe", "rotate", "--dataset", "links", "--channels", "{}", "--model.size", "4", "--repeats", "0",
         "--negatives.count", "9", "--optim.max_epochs", "2", "--optim.eval_every", "1", "--batch_size", "64",
         *_ROOTS)),
    Job("run", _own, _RUN),
    Job("study", _stored, _STUDY),
    Job("run --jobs 2", _own, (*_RUN, "--jobs", "2")),
    Job("study --jobs 2", _stored, (*_STUDY, "--jobs", "2")),
)  # fmt: skip


def count_calls(job: Job) -> int:
    """How many of the counted calls the command makes."""
    with tempfile.TemporaryDirectory(prefix="nie-kills-") as name:
        folder = Path(name)
        job.make(folder)
        code, calls, said = run_job(job, folder)
        assert code == 0, said
        return calls


def faults_of(job: Job, fault: str, places: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Break the command at each place in turn; yield the place and what is wrong, empty where nothing is."""
    with _tries(job) as (fresh, expected):
        for place in places:
            folder = fresh()
            wrong = _wrong_when_broken(job, folder, fault, place)
            yield place, wrong or _wrong_when_run_again(job, folder, expected)


def moments_of(job: Job, times: int, seed: int) -> Iterator[tuple[float, str]]:
    """Kill the command after random times; yield the seconds and what is wrong, empty where nothing is."""
    moments = random.Random(seed)
    with _tries(job) as (fresh, expected):
        begun = time.monotonic()
        code, _, said = run_job(job, fresh())
        assert code == 0, said
        whole = time.monotonic() - begun
        for _ in range(times):
            folder, seconds = fresh(), moments.uniform(0, whole)
            process, pipe = _started(job, folder)
            time.sleep(seconds)
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(pipe)
            yield seconds, _wrong_when_run_again(job, folder, expected)


@contextlib.contextmanager
def _tries(job: Job) -> Iterator[tuple[Callable[[], Path], dict[str, str]]]:
    """A function that makes the folder anew that the job starts from, and what the job makes of it."""
    with tempfile.TemporaryDirectory(prefix="nie-kills-") as name:
        start, whole, tried = (Path(name) / part for part in ("start", "whole", "tried"))
        start.mkdir()
        job.make(start)
        shutil.copytree(start, whole)
        # In this process, whose forks then need not load and compile again what the job needs.
        with _working_in(whole), contextlib.redirect_stdout(io.StringIO()):
            assert main(list(job.arguments)) == 0

        def fresh() -> Path:
            shutil.rmtree(tried, ignore_errors=True)
            return shutil.copytree(start, tried)

        yield fresh, content_of(whole)


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _wrong_when_broken(job: Job, folder: Path, fault: str, place: int) -> str:
    number = FAULTS[fault]
    code, _, said = run_job(job, folder, at=place, number=number)
    if number is None and code not in (KILLED, 0):
        return f"killed, it ended with {code}: {said}"
    one_sentence = code == 0 or (code == 2 and len(said.strip().splitlines()) <= 3)
    if number is not None and (not one_sentence or "Traceback" in said):
        return f"exit code {code}, said: {said[-600:]}"
    return ""


def _wrong_when_run_again(job: Job, folder: Path, expected: dict[str, str]) -> str:
    code, _, said = run_job(job, folder)
    if code != 0:
        return f"run again, it ended with {code}: {said[-600:]}"
    found = content_of(folder)
    different = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    return f"other files after it ran again: {different[:8]}" if different else ""


def run_job(job: Job, folder: Path, at: int | None = None, number: int | None = None) -> tuple[int, int, str]:
    """Run the command in a fork; its exit code, the calls that it made and what it printed.

    Args:
        job: what runs.
        folder: where it runs.
        at: the call that is broken; by default none.
        number: the error that it is broken with; by default the process is killed there.
    """
    process, told_by = _started(job, folder, at, number)
    with open(told_by, "rb") as pipe:
        told = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    calls, _, said = told.partition("\n")
    return code, int(calls or 0), said


def _started(job: Job, folder: Path, at: int | None = None, number: int | None = None) -> tuple[int, int]:
    """The process that runs the command, and the pipe into which it says what `run_job` returns."""
    read, write = os.pipe()
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        os.close(read)
        _in_child(job, folder, at, number, write)
    os.close(write)
    return process, read


def _in_child(job: Job, folder: Path, at: int | None, number: int | None, pipe: int) -> None:
    logging.getLogger("nie").setLevel(logging.CRITICAL)
    os.chdir(folder)
    said, calls = io.StringIO(), [0]
    code = 1
    try:
        _break(calls, at, number)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(list(job.arguments))
    except BaseException:
        said.write(traceback.format_exc())
    os.write(pipe, f"{calls[0]}\n{said.getvalue()}".encode())
    os._exit(code)


def _break(calls: list[int], at: int | None, number: int | None) -> None:
    """Count the calls of this process from here on, and break the one at ``at``."""

    def call(path: Any) -> None:
        if str(path).startswith(("/dev", "/proc", "/root", "/usr", "/etc")):
            return
        calls[0] += 1
        if calls[0] == at:
            if number is None:
                os._exit(KILLED)
            raise OSError(number, os.strerror(number), str(path))

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS or (event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            call(arguments[0])

    def waited(file: Any, fsync: Callable[[Any], None] = os.fsync) -> None:
        call("fsync")
        fsync(file)

    def exchanged(*arguments: Any, exchange: Callable[..., Any] = atomic._exchange) -> Any:
        call("renameat2")
        return exchange(*arguments)

    os.fsync, atomic._exchange = waited, exchanged
    sys.addaudithook(heard)


def content_of(folder: Path) -> dict[str, str]:
    """sha256 by name of all files that must be the same; hidden files count, so that nothing is left behind."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not _CHANGING.search(name):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_dir() and path.name.startswith("."):
            found[name] = "a folder"
    return found
