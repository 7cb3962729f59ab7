"""nie.launching by ssh itself: two hosts that are network namespaces of this machine have an sshd each."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts_helpers import HOSTS, cable_of, parted, two_hosts, wait_for, waiting, why_not
from stage_helpers import SMALL_FLAGS

from nie.launching import SSH
from nie.training.checkpoint import read_checkpoint

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin")
REASON = why_not() or (None if SSHD and shutil.which("ssh") and shutil.which("ssh-keygen") else "there is no sshd")
SETTINGS = [
    "downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "rgcn", *SMALL_FLAGS[:4],
    "--batch.size", "32", "--folds.run", "0", "--optim.max_epochs", "4",
]  # fmt: skip
CONFIGURED = """
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
"""


@contextlib.contextmanager
def served(shell: str, folder: Path) -> Iterator[str]:
    """Let an sshd run on each of the hosts, and yield the ssh that reaches them."""
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "sshd_config").write_text(CONFIGURED.format(folder=folder))
    own_run = "mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd"
    command = f"{own_run} && exec {SSHD} -D -E {folder}/sshd.log -f {folder}/sshd_config"
    reaching = f"{SSH} -i {folder}/key -o UserKnownHostsFile={folder}/known -o StrictHostKeyChecking=accept-new"
    with contextlib.ExitStack() as held:
        for host in HOSTS:
            serving = held.enter_context(subprocess.Popen([shell, host, command]))
            held.callback(serving.terminate)
        asked = f"until {reaching} {HOSTS[0]} true && {reaching} {HOSTS[1]} true; do sleep 0.2; done"
        subprocess.run([shell, HOSTS[0], asked], check=True, timeout=30, capture_output=True)
        yield reaching


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.slow
def test_by_ssh_a_lost_host_ends_all_in_one_sentence_and_the_command_goes_on(tmp_path: Path) -> None:
    parted(tmp_path, SMALL_FLAGS[:4])
    roots = ["--data-root", str(tmp_path), "--run-root", str(tmp_path / "runs")]
    with two_hosts(tmp_path) as shell, served(shell, tmp_path) as ssh:
        launcher = [sys.executable, "-m", "nie", "launch", "--hosts", str(tmp_path / "hosts.txt"), "--shell", ssh]
        words = shlex.join([*launcher, "--", *waiting(tmp_path), *SETTINGS, *roots, "--distributed"])

        def launch() -> subprocess.Popen[str]:
            return subprocess.Popen(
                [shell, HOSTS[0], words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )

        with launch() as process:
            wait_for(tmp_path / "waits", process)
            cable = f"ip link set {cable_of(shell, HOSTS[1])}"
            subprocess.run([shell, HOSTS[1], f"{cable} down"], check=True)
            lost = time.monotonic()
            said, _ = process.communicate()
        assert time.monotonic() - lost < 60
        assert process.returncode == 2
        assert "the same command goes on from the last checkpoint" in said.splitlines()[-1]
        (checkpoint,) = (tmp_path / "runs").rglob("fold0.partial/checkpoint.pt")
        assert len(read_checkpoint(checkpoint)["history"]["rows"]) == 2
        (tmp_path / "goes_on").touch()
        subprocess.run([shell, HOSTS[1], f"{cable} up"], check=True)
        with launch() as process:
            said, _ = process.communicate()
        assert process.returncode == 0, said
    assert list((tmp_path / "runs").rglob("fold0/predictions.npy"))
