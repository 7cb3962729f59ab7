"""Peak memory and time of an epoch against the edges of a graph, on the whole graph and on batches.

    python benchmarks/large.py --edges 500000 1000000 --methods rgcn rgtn licap --ways whole "batch.size 1024 batch.fanout 10"

Each number comes from a process of its own that runs the command `nie`, whose peak is what the kernel counts for it,
with everything that it loads. A graph of E edges is ``synthetic-large`` with E / 9 nodes. The time of an epoch has no
part of the prediction of all nodes; that follows from a second run with two epochs and is stated beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EDGES_OF_NODE = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--methods", nargs="+", default=["rgcn", "rgtn", "licap"])
    parser.add_argument("--ways", nargs="+", default=["whole", "batch.size 1024 batch.fanout 10"])
    arguments = parser.parse_args()
    print("| edges | method | trained on | peak memory | seconds of the run | seconds of an epoch |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        for edges in arguments.edges:
            data = Path(root) / str(edges)
            nodes = str(edges // EDGES_OF_NODE)
            measured(["data", "build", "synthetic-large", "--nodes", nodes, "--edges", str(edges)], data)
            for method in arguments.methods:
                for way in arguments.ways:
                    peak, seconds, epoch = trained(method, way, data)
                    print(f"| {edges:,} | {method} | {way} | {peak:.1f} GB | {seconds:.0f} | {epoch:.1f} |", flush=True)


def trained(method: str, way: str, data: Path) -> tuple[float, float, float]:
    """GB, seconds of a run of one epoch, and seconds of the epoch."""
    words = [] if way == "whole" else way.split()
    flags = [word if place % 2 else f"--{word}" for place, word in enumerate(words)]
    command = ["pretrain"] if method == "licap" else ["downstream", "--method", method]
    epochs = ["--optim.max_epochs", "1", "--folds.run", "0", "--device", "cpu"]
    stage = [*command, "--recipe", "fast", "--dataset", "synthetic-large", *flags, *epochs]
    with tempfile.TemporaryDirectory() as runs:
        peak, seconds = measured([*stage, "--run-root", runs], data)
        (timing,) = Path(runs).rglob("timing.json")
        return peak, seconds, json.loads(timing.read_text(encoding="utf-8"))["seconds_per_epoch"]


def measured(command: list[str], data: Path) -> tuple[float, float]:
    """GB and seconds of a command."""
    started = os.times().elapsed
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "nie", *command, "--data-root", str(data)], stdout=said, stderr=said
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode()[-2000:])
    return usage.ru_maxrss * 1024 / 1e9, os.times().elapsed - started


if __name__ == "__main__":
    main()
