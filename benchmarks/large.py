"""Peak memory and time of an epoch against the edges of a graph, on the whole graph and on batches.

    python benchmarks/large.py --graphs 500000 1000000 --methods rgcn --ways whole "batch.size 1024 batch.fanout 10"
    python benchmarks/large.py --graphs fb15k --data-root datasets --methods rgcn rgtn licap

A number is the edges of a graph of synthetic-large, which is built for it; a name is a dataset that has been built, of
which the first row makes the features that are not kept yet. Each row comes from a process of its own that runs the
command `nie` for one epoch on one fold. Its peak is what the kernel counts for it, with everything that it loads; so
are its CPU seconds, which another program on the same cores leaves as they are, unlike the seconds of the epoch, which
has a prediction of the validation nodes. CPU seconds are those of the whole run: reading the graph, the epoch, and two
predictions of all nodes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from downstream.stages.importance import IMPORTANCE

EDGES_OF_NODE = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", nargs="+", default=["250000", "500000", "1000000"])
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--methods", nargs="+", default=["rgcn", "rgtn", "licap"])
    parser.add_argument("--ways", nargs="+", default=["whole", "batch.size 1024 batch.fanout 10"])
    arguments = parser.parse_args()
    print(
        "| graph | method | trained on | peak memory | seconds an epoch | CPU seconds |\n|---|---|---|---|---|---|",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as root:
        for graph in arguments.graphs:
            data = built(int(graph), Path(root) / graph) if graph.isdecimal() else Graph(graph, arguments.data_root)
            for method in arguments.methods:
                for way in arguments.ways:
                    print(f"| {graph} | {method} | {way} | {trained(method, way, data)} |", flush=True)


class Graph(NamedTuple):
    """A dataset and the folder of the datasets that it is in."""

    name: str
    data_root: Path

    @property
    def recipe(self) -> str:
        return "geo-fast" if self.name.startswith("geo-") else IMPORTANCE.recipes.own(self.name, "fast")


def built(edges: int, data_root: Path) -> Graph:
    """A graph of synthetic-large."""
    graph = Graph("synthetic-large", data_root)
    measured(["data", "build", graph.name, "--nodes", str(edges // EDGES_OF_NODE), "--edges", str(edges)], graph)
    return graph


def trained(method: str, way: str, graph: Graph) -> str:
    """The last cells of the row of a run of one epoch, or what it says where there is none, such as of memory."""
    words = [] if way == "whole" else way.split()
    flags = [word if place % 2 else f"--{word}" for place, word in enumerate(words)]
    command = ["pretrain"] if method == "licap" else ["downstream", "--method", method]
    epochs = ["--optim.max_epochs", "1", "--folds.run", "0", "--device", "cpu"]
    with tempfile.TemporaryDirectory() as runs:
        stage = [*command, "--recipe", graph.recipe, "--dataset", graph.name, *flags, *epochs]
        try:
            peak, seconds = measured([*stage, "--run-root", runs], graph)
        except Refused as refused:
            return f"{refused} | |"
        (timing,) = Path(runs).rglob("timing.json")
        epoch = json.loads(timing.read_text())["seconds_per_epoch"]
    return f"{peak:.1f} GB | {epoch:.1f} | {seconds:.0f}"


class Refused(Exception):
    """The last line that a command said."""


def measured(command: list[str], graph: Graph) -> tuple[float, float]:
    """GB and CPU seconds of a command.

    Raises:
        Refused: it ends with an error.
    """
    with tempfile.TemporaryFile() as said:
        words = [sys.executable, "-m", "nie", *command, "--data-root", str(graph.data_root)]
        child = subprocess.Popen(words, stdout=said, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise Refused(said.read().decode().strip().splitlines()[-1])
    return usage.ru_maxrss * 1024 / 1e9, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
