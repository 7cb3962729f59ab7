"""Peak memory and time of an epoch against the edges of a graph, on the whole graph and on batches.

    python benchmarks/large.py --edges 500000 1000000 --methods rgcn --ways whole "batch.size 1024 batch.fanout 10"

Each row comes from a process of its own that runs the command `nie` for one epoch on one fold. Its peak is what the
kernel counts for it, with everything that it loads; so are its CPU seconds, which another program on the same cores
leaves as they are. They are those of the whole run: reading the graph, the epoch, and two predictions of all nodes.
"""

from __future__ import annotations

import argparse
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
    print("| edges | method | trained on | peak memory | CPU seconds |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as root:
        for edges in arguments.edges:
            data = Path(root) / str(edges)
            nodes = str(edges // EDGES_OF_NODE)
            measured(["data", "build", "synthetic-large", "--nodes", nodes, "--edges", str(edges)], data)
            for method in arguments.methods:
                for way in arguments.ways:
                    peak, seconds = trained(method, way, data)
                    print(f"| {edges:,} | {method} | {way} | {peak:.1f} GB | {seconds:.0f} |", flush=True)


def trained(method: str, way: str, data: Path) -> tuple[float, float]:
    """GB and CPU seconds of a run of one epoch."""
    words = [] if way == "whole" else way.split()
    flags = [word if place % 2 else f"--{word}" for place, word in enumerate(words)]
    command = ["pretrain"] if method == "licap" else ["downstream", "--method", method]
    epochs = ["--optim.max_epochs", "1", "--folds.run", "0", "--device", "cpu"]
    with tempfile.TemporaryDirectory() as runs:
        stage = [*command, "--recipe", "fast", "--dataset", "synthetic-large", *flags, *epochs]
        return measured([*stage, "--run-root", runs], data)


def measured(command: list[str], data: Path) -> tuple[float, float]:
    """GB and CPU seconds of a command."""
    with tempfile.TemporaryFile() as said:
        words = [sys.executable, "-m", "nie", *command, "--data-root", str(data)]
        child = subprocess.Popen(words, stdout=said, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode()[-2000:])
    return usage.ru_maxrss * 1024 / 1e9, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
