"""downstream.stages.apart."""

from __future__ import annotations

import importlib.metadata
import os
import signal
from pathlib import Path

import pytest

from downstream.stages.apart import run_apart


def answers(tmp_path: Path, *modules: str, jobs: int = 2) -> tuple[dict[int, int], list[str]]:
    """Exit codes and what was printed, of a command that works and one that does not."""
    commands = [(["--version"], tmp_path / "version.log"), (["table", "no_such_graph"], tmp_path / "table.log")]
    codes = dict(run_apart(commands, jobs=jobs, threads=1, modules=modules))
    return codes, [file.read_text() if file.exists() else "" for _, file in commands]


@pytest.mark.parametrize("start", ["", "import torch; torch.cuda.is_available = lambda: True"])
def test_commands_print_to_their_files_and_their_exit_codes_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    (tmp_path / "loaded_once.py").write_text(start)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    codes, (version, table) = answers(tmp_path, "loaded_once")
    assert codes == {0: 0, 1: 2}
    assert version == f"nie {importlib.metadata.version('nie')}\n"
    assert table.startswith("nie: ")


@pytest.mark.parametrize(
    ("module", "code"),
    [("import no_such_module", 1), ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL)],
)
def test_commands_that_could_not_be_started_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, code: int
) -> None:
    (tmp_path / "breaks.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert answers(tmp_path, "breaks") == ({0: code, 1: code}, ["", ""])


def test_no_command_starts_no_process() -> None:
    assert list(run_apart([], jobs=2, threads=1, modules=["no_such_module"])) == []
