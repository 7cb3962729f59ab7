"""Seconds per epoch with 1 thread, with all, and with as many as nie chooses, beside busy loops on 0 to all cores.

    python benchmarks/threads.py

Each load is measured in turns, and the chosen number anew in each of them, as nie does for each fold.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import torch

import nie
from nie import threads
from nie.models import GENI

LOOP = "while True: pass"


@contextlib.contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes that compute without end."""
    processes = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Training:
    """A network of stage 2 with its optimiser, on a graph of ``num_nodes`` nodes."""

    def __init__(self, num_nodes: int) -> None:
        kg = nie.synthetic(0, num_nodes=num_nodes)
        self.message = nie.message_graph(kg)
        self.feats = {"semantic": torch.randn(num_nodes, 64, generator=torch.Generator().manual_seed(0))}
        self.model = GENI(channel_sizes={"semantic": 64}, num_relations=self.message.num_relations)
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def seconds_per_epoch(self, number: int, epochs: int) -> float:
        """The mean over epochs with so many threads, after one that is not counted."""
        with threads.computing_with(number):
            self._epoch()
            started = time.perf_counter()
            for _ in range(epochs):
                self._epoch()
            return (time.perf_counter() - started) / epochs

    def _epoch(self) -> None:
        self.optimizer.zero_grad()
        score = self.model(self.message.graph, self.feats, self.message.etype).score
        score.square().mean().backward()
        self.optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    training, every = Training(arguments.nodes), torch.get_num_threads()
    threads.KEPT_SECONDS = 0.0
    print(f"Milliseconds per epoch, medians of {arguments.turns} turns of {arguments.epochs} epochs\n")
    print(f"| busy loops | cores busy before | 1 thread | {every} threads | chosen | threads chosen |")
    print("|---|---|---|---|---|---|")
    for loops in range(every + 1):
        seen, chosen = [], []
        times: dict[str, list[float]] = {"one": [], "every": [], "chosen": []}
        with busy(loops):
            for _ in range(arguments.turns):
                seen.append(threads.busy_cores())
                chosen.append(threads.free_threads())
                for name, number in (("one", 1), ("every", every), ("chosen", chosen[-1])):
                    times[name].append(1000 * training.seconds_per_epoch(number, arguments.epochs))
        one, all_of_them, own = (f"{statistics.median(values):.1f}" for values in times.values())
        print(
            f"| {loops} | {statistics.median(seen):.1f} | {one} | {all_of_them} | {own} | "
            f"{', '.join(map(str, chosen))} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
