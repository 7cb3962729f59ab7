"""downstream.stages.on_hosts, where a disk or the shared memory of one of two hosts is full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hosts_helpers import HOSTS, NIE, launched, launching, needs_hosts, parted, two_hosts
from stage_helpers import SMALL_FLAGS

from nie.__main__ import main

FEATURES = SMALL_FLAGS[:4]
SETTINGS = [
    "downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "rgcn", *FEATURES, "--batch.size", "64",
    "--optim.max_epochs", "2", "--folds.run", "0",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parted(tmp_path_factory.mktemp("data"), FEATURES)


def said_by(shell: str, data: Path, command: list[str], program: list[str] = NIE) -> str:
    """What a launch says that fails and may go on."""
    with launched(shell, data, command, program) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "the others were stopped, and the same command goes on" in said.splitlines()[-1]
    return said


@needs_hosts
@pytest.mark.slow
def test_a_full_disk_of_runs_ends_all_and_the_command_goes_on(data: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    command = [*SETTINGS, "--data-root", str(data), "--run-root", str(runs)]
    with two_hosts(tmp_path) as shell:
        subprocess.run([shell, HOSTS[0], f"mount -t tmpfs -o size=64k tmpfs {runs}"], check=True)
        said = said_by(shell, data, command)
        assert "The disk is full: " in said
        assert f"The trainer of {HOSTS[0]} has ended (exit code 75)" in said
        subprocess.run([shell, HOSTS[0], f"mount -o remount,size=64m {runs}"], check=True)
        assert main(launching(shell, data, command)) == 0


FULL = """
import os, sys, tempfile
from nie.__main__ import main

if os.environ["NIE_HOST"] == "1":
    tempfile._candidate_tempdir_list = lambda: [{folder!r}]
sys.exit(main(sys.argv[1:]))
"""
"""A program as `nie` is, whose second host has one folder for temporary files."""


@needs_hosts
@pytest.mark.slow
def test_a_full_second_host_ends_all_and_the_command_goes_on(data: Path, tmp_path: Path) -> None:
    """At first it has no room for any temporary file; then it has some, and not enough."""
    folder, command = tmp_path / "full", [*SETTINGS, "--data-root", str(data), "--run-root", str(tmp_path / "runs")]
    folder.mkdir()
    (tmp_path / "full.py").write_text(FULL.format(folder=str(folder)))
    program = [sys.executable, str(tmp_path / "full.py")]
    with two_hosts(tmp_path) as shell:
        filled = f"mount -t tmpfs -o size=16k tmpfs {folder}; cat /dev/zero > {folder}/filled"
        subprocess.run([shell, HOSTS[1], filled], check=False, capture_output=True)
        said = said_by(shell, data, command, program)
        assert f" of {HOSTS[1]} has ended (exit code 75): " in said
        assert f"No usable temporary directory found in [{str(folder)!r}]" in said
        subprocess.run([shell, HOSTS[1], f"rm {folder}/filled"], check=True)
        said = said_by(shell, data, command, program)
        assert f"The trainer of {HOSTS[1]} has ended (exit code 75): The disk is full: {folder}/" in said
        subprocess.run([shell, HOSTS[1], f"mount -o remount,size=64m {folder}"], check=True)
        assert main(launching(shell, data, command, program)) == 0


@needs_hosts
@pytest.mark.slow
def test_shared_memory_without_room_for_a_part_is_refused_and_the_command_goes_on(data: Path, tmp_path: Path) -> None:
    """At first it is smaller than the part's files; then it has room for these, and not for what DGL makes of them."""
    command = [*SETTINGS, "--data-root", str(data), "--run-root", str(tmp_path / "runs")]

    def give(size: str) -> None:
        subprocess.run([shell, HOSTS[1], f"mount -o remount,size={size} /dev/shm"], check=True)

    with two_hosts(tmp_path) as shell:
        give("64k")
        said = said_by(shell, data, command)
        assert (
            f"The server of {HOSTS[1]} has ended (exit code 75): /dev/shm of {HOSTS[1]} has room for 0.1 MB, " in said
        )
        assert "as by 'mount -o remount,size=1M /dev/shm'" in said
        give("124k")
        assert "(killed by signal 7, as where /dev/shm is full)" in said_by(shell, data, command)
        give("1M")
        assert main(launching(shell, data, command)) == 0
