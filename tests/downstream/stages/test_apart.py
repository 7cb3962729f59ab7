"""downstream.stages.apart."""

from __future__ import annotations

import importlib.metadata
import io
import multiprocessing.process
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from downstream.stages.apart import run_apart
from nie.forked import serve


def answers(tmp_path: Path, *modules: str) -> tuple[dict[int, int | None], list[str]]:
    """Exit codes and what was printed, of a command that works and one that does not."""
    commands = [(["--version"], tmp_path / "version.log"), (["table", "no_such_graph"], tmp_path / "table.log")]
    codes = dict(run_apart(commands, jobs=2, threads=1, modules=modules))
    return codes, [file.read_text() if file.exists() else "" for _, file in commands]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module that processes can import; its name. Their torch, which takes seconds to load, is a false one."""
    (tmp_path / "torch.py").write_text("class cuda:\n    is_available = staticmethod(bool)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    def write(code: str) -> str:
        (tmp_path / "loaded_once.py").write_text(code)
        return "loaded_once"

    return write


def test_commands_print_to_their_files_and_their_exit_codes_come_back(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    codes, (version, table) = answers(tmp_path, module("print('what a library says')"))
    assert codes == {0: 0, 1: 2}
    assert version == f"nie {importlib.metadata.version('nie')}\n"
    assert table.startswith("nie: ")


def test_beside_a_gpu_nothing_is_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    told = io.StringIO()
    serve([(["--version"], str(tmp_path / "version.log"))], 2, ["no_such_module"], told)
    assert told.getvalue() == "0 0\n"
    assert (tmp_path / "version.log").read_text().startswith("nie ")


@pytest.mark.parametrize("code", ["import no_such_module", "import os; os.kill(os.getpid(), 9)"])
def test_commands_whose_starter_dies_have_not_ended(
    tmp_path: Path, module: Callable[[str], str], code: str
) -> None:  # fmt: skip
    assert answers(tmp_path, module(code)) == ({0: None, 1: None}, ["", ""])


def test_a_starter_that_reads_nothing_has_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    commands = [(["--version"], tmp_path / f"{number:0100}.log") for number in range(2000)]  # more than a pipe holds
    assert dict(run_apart(commands, jobs=2, threads=1, modules=[])) == dict.fromkeys(range(2000))


def test_a_process_that_cannot_be_started_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_process: multiprocessing.process.BaseProcess) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", full)
    files, told = [tmp_path / name for name in ("one.log", "two.log")], io.StringIO()
    serve([(["--version"], str(file)) for file in files], 1, [], told)
    assert told.getvalue() == "0 1\n1 1\n"
    assert all("could not be started: Cannot allocate memory" in file.read_text() for file in files)


def test_no_command_starts_no_process() -> None:
    assert list(run_apart([], jobs=2, threads=1, modules=["no_such_module"])) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_commands_end_when_the_process_that_asked_for_them_alone_is_ended(
    tmp_path: Path, module: Callable[[str], str], number: signal.Signals
) -> None:
    """A command holds a pipe that only it and this test have open; it can be read when the command has ended."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    slow = (
        "import time\n"
        f"def main(arguments):\n    file = open({str(pipe)!r}, 'w')\n"
        "    file.write('begun'); file.flush(); time.sleep(60)\n"
        "import sys; sys.modules['__main__'].main = main"
    )
    code = (
        "import pathlib, signal; from downstream.stages.apart import run_apart\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # which nohup and the like have ignored\n"
        f"[*run_apart([([], pathlib.Path({str(tmp_path / 'log')!r}))], jobs=1, threads=1, modules=[{module(slow)!r}])]"
    )
    asked = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    with asked as asker, pipe.open() as command:
        assert command.read(5) == "begun"
        asker.send_signal(number)
        started = time.monotonic()
        assert command.read() == ""  # waits until the command has ended
    assert time.monotonic() - started < 10


def test_the_working_folder_is_not_imported_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("yaml", "json", "pretrain", "runpy"):
        (tmp_path / f"{name}.py").write_text("open('executed', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert answers(tmp_path)[0] == {0: 0, 1: 2}
    assert not (tmp_path / "executed").exists()
