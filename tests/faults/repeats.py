"""The same command again, with all threads and enough labels, and once killed and continued: the same bits."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faults.kills import Job, content_of, count_calls, run_job
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph
from nie.data.store import save

NODES = 1_600
"""Lists of 100 nodes then have 112,000 entries in a fold's training part, and torch splits sums from 32,768 on."""


def many_labels(folder: Path) -> None:
    """Store a random graph in which every node is labelled."""
    rng = np.random.default_rng(0)
    src, dst = rng.integers(0, NODES, (2, 6 * NODES))
    kg = KnowledgeGraph(
        name="many", src=src, dst=dst, etype=rng.integers(0, 5, len(src)),
        node_names=[f"n{i}" for i in range(NODES)], relation_names=[f"r{i}" for i in range(5)],
        labels=rng.lognormal(size=NODES), label_mask=np.ones(NODES, bool), text=[None] * NODES,
        channels={"own": Channel(rng.normal(size=(NODES, 16)).astype(np.float32), np.ones(NODES, bool))}, meta={},
    )  # fmt: skip
    save(kg, folder / "data" / "many" / "processed")


def _job(command: str, *further: str, epochs: bool = True) -> Job:
    fixed = ["--recipe", "fast", "--dataset", "many", "--folds.run", "0"]
    own = ["--features.structural", "own", "--features.semantic", "own"] if epochs else []
    roots = ["--data-root", "data", "--run-root", "runs", "--quiet"]
    short = ["--optim.max_epochs", "3"] if epochs else []
    return Job(" ".join([command, *further]), many_labels, (command, *fixed, *further, *own, *short, *roots))


BLOCKS = ("--batch.size", "400")
REPEATED = (
    _job("downstream", "--method", "mlp"),
    _job("downstream", "--method", "gcn"),
    _job("downstream", "--method", "gat"),
    _job("downstream", "--method", "graphsage"),
    _job("downstream", "--method", "graphsage", *BLOCKS),
    _job("downstream", "--method", "rgcn"),
    _job("downstream", "--method", "rgcn", *BLOCKS),
    _job("downstream", "--method", "geni"),
    _job("downstream", "--method", "geni", *BLOCKS),
    _job("downstream", "--method", "rgtn"),
    _job("downstream", "--method", "rgtn", *BLOCKS),
    _job("pretrain"),
)


def differences(job: Job, times: int) -> Iterator[str]:
    """Run a job several times, the last time killed on its way; yield the files that differ from the first time's."""
    first: dict[str, str] = {}
    calls = count_calls(job)
    for time in range(times):
        with tempfile.TemporaryDirectory(prefix="nie-repeats-") as name:
            folder = Path(name)
            job.make(folder)
            if time == times - 1:
                run_job(job, folder, at=random.Random(time).randrange(calls // 2, calls))
            code, _, said = run_job(job, folder)
            if code != 0:
                yield f"exit code {code}: {said[-300:]}"
                return
            found = content_of(folder)
        first = first or found
        yield from (file for file in sorted(first.keys() | found.keys()) if first.get(file) != found.get(file))
