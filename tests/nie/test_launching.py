"""nie.hosts and nie.launching, with hosts that are this machine and commands that are a shell's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nie.__main__ import main
from nie.errors import NieError
from nie.hosts import SERVER, Place, read_hosts
from nie.launching import Launch

HERE = "10.0.0.1", "10.0.0.2"


def shell(folder: Path, unreachable: str = "nothing") -> list[str]:
    """Runs commands here, whatever the host, but for one that is not reached."""
    script = folder / "enter"
    script.write_text(f'#!/bin/sh\n[ "$1" = "{unreachable}" ] && echo "no route to $1" && exit 255\nexec sh -c "$2"\n')
    script.chmod(0o755)
    return [str(script)]


AS_SSH = """
import signal, subprocess, sys
there = subprocess.Popen(["sh", "-c", sys.argv[2]])
signal.signal(signal.SIGTERM, lambda *_: there.terminate())
sys.exit(255 if there.wait() < 0 else there.returncode)
"""
"""Runs commands here, and has the exit codes of ssh, to which every signal is 255."""


def launch(folder: Path, program: str, **changes: str) -> Launch:
    return Launch(HERE, shell(folder, **changes), [sys.executable, "-c", program], folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# none\n", "names no host"),
        ("10.0.0.1\n10.0.0.2\n10.0.0.1\n", "names 10.0.0.1 twice"),
        ("localhost\n127.0.0.1 # the same\n", "and localhost, which is the same machine"),
        ("10.0.0.1\nssh -l root x\n", "no address: 'ssh -l root x'"),
        ("-oProxyCommand=x\n", "no address"),
        ("-v\n", "no address: '-v'"),
        (
            "root@10.0.0.1\n",
            "write an IPv4 address or a name there, and a user or a port into the configuration of ssh",
        ),
        ("10.0.0.1:22\n", "no address"),
        ("::1\n", "no address"),
    ],
)
def test_hosts_that_cannot_have_a_part_each_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "hosts.txt").write_text(text)
    with pytest.raises(NieError, match=said):
        read_hosts(tmp_path / "hosts.txt")


def test_a_hosts_file_may_begin_as_windows_writes_it(tmp_path: Path) -> None:
    (tmp_path / "hosts.txt").write_text("10.0.0.1\r\n10.0.0.2 # the second\r\n", "utf-8-sig")
    assert read_hosts(tmp_path / "hosts.txt") == HERE


def test_a_process_is_told_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(HERE, 1, SERVER)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    assert Place.of_environment() == place
    monkeypatch.setenv("NIE_HOST", "2")
    with pytest.raises(NieError, match="'nie launch' starts"):
        Place.of_environment()


def test_all_processes_of_all_hosts_run(tmp_path: Path) -> None:
    program = "import os; open(os.environ['NIE_ROLE'] + os.environ['NIE_HOST'], 'w').write(os.environ['NIE_HOSTS'])"
    assert launch(tmp_path, program).run() == 0
    for name in ("server0", "server1", "trainer0", "trainer1"):
        assert (tmp_path / name).read_text() == "10.0.0.1,10.0.0.2"


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("os.kill(os.getpid(), 9)", "The server of 10.0.0.2 has ended (killed by signal 9)"),
        ("sys.exit('nie: an error.')", "The server of 10.0.0.2 has ended (exit code 1): an error; the others were"),
        ("sys.stderr.write('nie: full.'); sys.exit(75)", "The server of 10.0.0.2 has ended (exit code 75): full;"),
    ],
)
@pytest.mark.parametrize("like_ssh", [False, True])
def test_a_process_that_dies_ends_all_in_one_sentence(tmp_path: Path, does: str, said: str, like_ssh: bool) -> None:
    program = f"""
import os, sys, time
if (os.environ["NIE_ROLE"], os.environ["NIE_HOST"]) == ("server", "1"):
    {does}
open(os.environ["NIE_ROLE"] + os.environ["NIE_HOST"], "w").write(str(os.getpid()))
time.sleep(60)
"""
    started = time.monotonic()
    with pytest.raises(NieError) as caught:
        if like_ssh:
            Launch(HERE, [sys.executable, "-c", AS_SSH], [sys.executable, "-c", program], tmp_path).run()
        launch(tmp_path, program).run()
    assert time.monotonic() - started < 30
    assert said in str(caught.value)
    assert ("the same command goes on" in str(caught.value)) == ("exit code 1" not in said)
    for file in tmp_path.glob("*r[01]"):
        assert not Path("/proc", file.read_text()).exists()


@pytest.mark.parametrize("number", [0, 1])
def test_by_ssh_too_the_killed_one_is_blamed_and_not_who_lost_it(tmp_path: Path, number: int) -> None:
    program = f"""
import os, sys, time
role, number = os.environ["NIE_ROLE"], int(os.environ["NIE_HOST"])
if role == "trainer":
    time.sleep(.5 * (number != {number}))
    if number == {number}:
        os.kill(os.getpid(), 9)
    sys.exit("RuntimeError: Connection closed by peer")
time.sleep(60)
"""
    with pytest.raises(NieError, match=rf"trainer of 10.0.0.{number + 1} .*signal 9.* the same command goes on"):
        Launch(HERE, [sys.executable, "-c", AS_SSH], [sys.executable, "-c", program], tmp_path).run()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_launcher_ends_all_processes(tmp_path: Path, ending: signal.Signals) -> None:
    """SIGHUP is what a terminal sends that is closed; all processes are in sessions of their own and get none."""
    program = "import os, time; open(f'{os.getpid()}.pid', 'w').close(); time.sleep(600)"

    def end_when_all_run() -> None:
        while len([*tmp_path.glob("*.pid")]) < 4:
            time.sleep(0.05)
        os.kill(os.getpid(), ending)

    threading.Thread(target=end_when_all_run, daemon=True).start()
    before = signal.signal(ending, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt):
            launch(tmp_path, program).run()
        assert signal.getsignal(ending) == signal.SIG_DFL
    finally:
        signal.signal(ending, before)
    assert not [file.stem for file in tmp_path.glob("*.pid") if Path("/proc", file.stem, "cmdline").exists()]


def test_a_launcher_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    program = "import os, time; open(f'{os.getpid()}.pid', 'w').close(); time.sleep(600)"
    shell(tmp_path)
    (tmp_path / "hosts.txt").write_text("\n".join(HERE))
    words = [
        "launch",
        "--hosts",
        "hosts.txt",
        "--shell",
        "./enter",
        "--",
        sys.executable,
        "-c",
        program,
        "--distributed",
    ]
    with subprocess.Popen([sys.executable, "-m", "nie", *words], cwd=tmp_path) as launcher:
        while len([*tmp_path.glob("*.pid")]) < 4:
            time.sleep(0.05)
        launcher.kill()
    until = time.monotonic() + 20
    while [file for file in tmp_path.glob("*.pid") if Path("/proc", file.stem).exists()]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_host_that_is_not_reached_is_named(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"The host 10.0.0.2 cannot be used: no route to 10.0.0.2\."):
        launch(tmp_path, "", unreachable="10.0.0.2").check_hosts()
    launch(tmp_path, "").check_hosts()


def test_a_folder_that_a_host_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"The host 10\.0\.0\.1 cannot be used: .*nowhere"):
        Launch(HERE, shell(tmp_path), ["true"], tmp_path / "nowhere").check_hosts()


def test_commands_are_printed_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hosts.txt").write_text("10.0.0.1\n10.0.0.2\n")
    command = ["launch", "--hosts", str(tmp_path / "hosts.txt"), "--dry-run", "--", "nie", "downstream"]
    assert main(command) == 2
    assert "--distributed" in capsys.readouterr().err
    assert main([*command, "--recipe", "my own", "--distributed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("ssh -tt -o BatchMode=yes")
    assert "NIE_ROLE=server" in lines[1]
    assert "NIE_HOST=1" in lines[1]
    assert lines[3].count("my own") == 1


@pytest.mark.parametrize("given", ["", "ssh -o 'x"])
def test_a_shell_that_is_no_command_is_told(tmp_path: Path, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hosts.txt").write_text("10.0.0.1\n")
    hosts = str(tmp_path / "hosts.txt")
    assert main(["launch", "--hosts", hosts, "--shell", given, "--dry-run", "--", "nie", "--distributed"]) == 2
    assert "--shell must be a command" in capsys.readouterr().err
