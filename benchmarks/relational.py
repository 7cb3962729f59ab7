"""The sum of relational graph convolutions: ours beside DGL's message passing, in turns in one process.

    python benchmarks/relational.py fb15k

DGL's and PyG's own layers of this kind are left out: they did not finish one turn on FB15K in eight minutes.
"""

from __future__ import annotations

import argparse

import torch
from case import Case, load_case
from machine import describe
from measure import Step, interleave, ratio, summary
from tabulate import tabulate

from nie.ops import relational_sum

SIZE, BASES = 64, 4


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset", nargs="?", default="fb15k")
    parser.add_argument("--data-root", default="datasets", help="folder of the datasets")
    parser.add_argument("--repeat", type=int, default=5, help="turns")
    options = parser.parse_args()
    case = load_case(options.dataset, options.data_root, 1, SIZE, "cpu")
    machine = describe("cpu")
    print(
        f"{case.name}: {case.num_nodes:,} nodes, {case.num_edges:,} edges, {case.num_relations:,} relations; "
        f"{BASES} bases of {SIZE} values; {machine['threads']} threads, commit {machine['git_commit'][:8]}\n"
    )
    torch.manual_seed(0)
    times = interleave({"ours": _step(case, None), "DGL's message passing": _step(case, "dgl")}, options.repeat)
    ours = times["ours"].total
    rows = [
        [name, *(summary(taken)[f"{part}_ms"] for part in ("forward", "backward", "total")), ratio(taken.total, ours)]
        for name, taken in times.items()
    ]
    headers = ["", "forward ms", "backward ms", "both ms", "times ours"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", ".1f", ".1f", ".1f", ".1f")))


def _step(case: Case, backend: str | None) -> Step:
    value = torch.randn(case.num_nodes, BASES, SIZE, requires_grad=True)
    coefficient = torch.randn(case.num_relations, BASES, requires_grad=True)
    return Step(
        lambda: [relational_sum(case.graph, value, coefficient, case.etype, backend=backend)], [value, coefficient]
    )


if __name__ == "__main__":
    main()
