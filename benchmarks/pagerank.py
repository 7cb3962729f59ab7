"""Our PageRank and personalised PageRank beside networkx: agreement and time, in turns in one process.

    python benchmarks/pagerank.py tmdb5k

networkx is timed on a graph that is built already, once to our precision and once with its own, looser default.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import networkx
import numpy as np
from tabulate import tabulate

from nie.data import KnowledgeGraph, load
from nie.data.pagerank import pagerank
from pretrain.cross_validation import make_folds


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset", nargs="?", default="tmdb5k")
    parser.add_argument("--data-root", default="datasets", help="folder of the datasets")
    parser.add_argument("--repeat", type=int, default=3, help="turns")
    options = parser.parse_args()
    kg = load(options.dataset, options.data_root)
    started = time.perf_counter()
    graph = as_networkx(kg)
    print(f"{kg.name}: {kg.num_nodes:,} nodes, {kg.num_edges:,} edges; networkx built its graph in "
          f"{time.perf_counter() - started:.1f} s\n")  # fmt: skip
    restart = np.zeros(kg.num_nodes)
    train = make_folds(kg.label_mask)[0].train
    restart[train] = kg.labels[train]
    rows = [
        row for name, weights in (("PR", None), ("PPR", restart)) for row in compare(name, kg, graph, weights, options)
    ]
    headers = ["", "ours s", "networkx s", "networkx / ours", "largest difference"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", ".4f", ".3f", ".1f", ".1e")))


def compare(
    name: str, kg: KnowledgeGraph, graph: Any, weights: np.ndarray | None, options: argparse.Namespace
) -> list[list[Any]]:
    """One row a precision of networkx."""
    given = None if weights is None else dict(enumerate(weights.tolist()))
    rows = []
    for precision, tol in (("networkx to 1e-9", 1e-9 / kg.num_nodes), ("networkx's default", 1e-6)):
        times: list[tuple[float, float]] = []
        for _ in range(options.repeat):
            mine, ours = timed(lambda: pagerank(kg, personalization=weights))
            theirs, other = timed(
                lambda tol=tol: networkx.pagerank(graph, personalization=given, tol=tol, max_iter=1000)
            )
            times.append((mine, theirs))
        rank = np.array([other[node] for node in range(kg.num_nodes)])
        medians = [statistics.median(side) for side in zip(*times, strict=True)]
        ratio = statistics.median(theirs / mine for mine, theirs in times)
        rows.append([f"{name}, {precision}", *medians, ratio, float(np.abs(rank - ours).max())])
    return rows


def as_networkx(kg: KnowledgeGraph) -> Any:
    """The same directed multigraph."""
    graph = networkx.MultiDiGraph()
    graph.add_nodes_from(range(kg.num_nodes))
    graph.add_edges_from(zip(kg.src.tolist(), kg.dst.tolist(), strict=True))
    return graph


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()
