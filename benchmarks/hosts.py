"""What one run takes on one host and on two, which are network namespaces of this machine; it needs root.

    python benchmarks/hosts.py fb15k --data-root datasets --recipe fb15k-fast --method rgcn --batch.size 1024 \
        --batch.fanout 10

All else that is given is for `nie downstream`, as it is there. Where the dataset has no parts for two hosts, `nie
partition` makes them with the recipe, and with the flags in --partition "...", which are to be those of features and
graph that the run has; a run that parts were not made for is refused, and says which setting differs.

A row has the test figure, and of each host what it received in all, seconds of steps, and the share of these in which
it waited for numbers of the other's trainer, or read and sampled what either host has. Both hosts have the cores of
this machine between them, with a server each, so that seconds say only that nothing is lost to waiting.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AS_PROGRAM = "NIE_BENCHMARK_RECORD"
"""Set for this script where it stands in the place of `nie`: the folder for what it notes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument(
        "--partition",
        default="",
        help="flags of 'nie partition', besides the recipe, such as '--no-features.standardize'",
    )
    parser.add_argument("--recipe", required=True)
    arguments, flags = parser.parse_known_args()
    recipe = ["--recipe", arguments.recipe]
    roots = ["--data-root", str(arguments.data_root.resolve())]
    command = ["downstream", *recipe, "--dataset", arguments.dataset, *flags, "--folds.run", "0", "--device", "cpu"]
    if not (arguments.data_root / arguments.dataset / "parts" / "2" / "parts.json").exists():
        parted = ["partition", arguments.dataset, *recipe, "--parts", "2", *arguments.partition.split()]
        called([sys.executable, "-m", "nie", *parted, *roots])
    print("| hosts | host | SPEARMAN | received | seconds of steps | waiting for the other | reading and sampling |")
    print("|---|---|---|---|---|---|---|")
    for hosts in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            program = [sys.executable, str(Path(__file__).resolve()), *command, *roots, "--run-root", f"{folder}/runs"]
            received = on_two(program, Path(folder)) if hosts == 2 else [0]
            if hosts == 1:
                called(program, folder)
            (metrics,) = Path(folder).rglob("metrics.json")
            spearman = json.loads(metrics.read_text())["test"]["spearman"]
            for host in range(hosts):
                noted = json.loads((Path(folder) / f"{host}.json").read_text())
                shares = " | ".join(f"{noted.get(what, 0) / noted['steps']:.0%}" for what in ("waited", "read"))
                print(
                    f"| {hosts} | {host} | {spearman:.4f} | {received[host] / 1e6:.0f} MB | {noted['steps']:.0f} | "
                    f"{shares} |",
                    flush=True,
                )


def on_two(program: list[str], folder: Path) -> list[int]:
    """Bytes that each of two hosts received."""
    sys.path.insert(0, str(ROOT / "tests"))
    from hosts_helpers import HOSTS, cable_of, two_hosts

    (folder / "hosts.txt").write_text("\n".join(HOSTS))
    with two_hosts(folder) as shell:
        launch = ["launch", "--hosts", f"{folder}/hosts.txt", "--shell", shell, "--", *program, "--distributed"]
        called([sys.executable, "-m", "nie", *launch], str(folder))
        asked = [[shell, host, f"ip -j -s link show {cable_of(shell, host)}"] for host in HOSTS]
        said = [json.loads(subprocess.run(each, check=True, capture_output=True).stdout) for each in asked]
        return [cable["stats64"]["rx"]["bytes"] for (cable,) in said]


def called(command: list[str], noted: str | None = None) -> None:
    """Run a command, whose trainers note what they take in a folder, and show what it says where it fails."""
    environment = {**os.environ, **({AS_PROGRAM: noted} if noted else {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stdout[-500:] + done.stderr[-2000:])


def as_program(folder: Path) -> int:
    """Be `nie`, and note what a trainer's steps take."""
    import torch

    from nie.__main__ import main as nie
    from nie.dgl_compat import dgl
    from nie.training import loop

    taken, inside = Counter[str](), list[str]()

    def timed(owner: Any, name: str, what: str) -> None:
        """Add up the seconds of a function, of those that another does not count already, and of those within steps."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def counted(*given: Any, **named: Any) -> Any:
            counts = what == "steps" or inside == ["steps"]
            inside.append(what)
            started = time.monotonic()
            try:
                return function(*given, **named)
            finally:
                taken[what] += (time.monotonic() - started) * counts
                inside.pop()

        setattr(owner, name, counted)

    timed(loop._State, "train_epoch", "steps")
    for collective in ("all_reduce", "broadcast"):
        timed(torch.distributed, collective, "waited")
    timed(dgl.dataloading.NeighborSampler, "sample_blocks", "read")
    if "--distributed" in sys.argv:
        import dgl.distributed

        timed(dgl.distributed.DistTensor, "__getitem__", "read")
    try:
        return nie(sys.argv[1:])
    finally:
        if os.environ.get("NIE_ROLE") != "server":
            (folder / f"{os.environ.get('NIE_HOST', 0)}.json").write_text(json.dumps(taken))


if __name__ == "__main__":
    if AS_PROGRAM in os.environ:
        sys.exit(as_program(Path(os.environ[AS_PROGRAM])))
    main()
