"""Speed and memory of attention over in-edges: ours, DGL's, PyG's and plain Python's, in one process.

    python benchmarks/attention.py --datasets fb15k tmdb5k geo-500 --json bench.json --markdown bench.md

Needs the extra ``bench`` for the rows of PyG. All contestants take turns, so that other load on the machine
affects all of them alike; ratios are taken within a turn. Memory is measured apart (see `memory`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import report
import torch
from case import Case, load_case
from contestants import Contestant, automatic, contestants, operator_name
from experiments import batching, preparation, scaling, slopes
from machine import available_bytes, describe
from measure import Step, interleave, ratio, summary
from memory import peak_memory
from roofline import gather_bandwidth, roofline, stream_bandwidth

from nie.errors import NieError

PARTS = ("contestants", "memory", "roofline", "scaling", "preparation", "batching")
_LAYER = {"additive": "PreGATConv", "dot": "RelGraphTransformerConv mul"}
_OPERATOR = {"additive": "additive", "dot": "mul"}  # the mode with which a family is compared


def main(arguments: list[str] | None = None) -> None:
    """Measure what the command line asks for; print it, and write it to files."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    results: dict[str, Any] = {"machine": describe(options.device), "options": vars(options), "datasets": []}
    tables: list[report.Table] = []

    def show(*made: report.Table) -> None:
        for table in made:
            print(table.text(markdown=False), flush=True)
        tables.extend(made)
        _write(options, results, tables)  # write what there is, in case a later part is cut off

    machine = results["machine"]
    print(f"{machine['cpu']}, {machine['threads']} of {machine['cores']} cores; {machine['device']}; ", end="")
    print(", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version), end="\n\n")
    cases = _load(options)
    stream = stream_bandwidth(options.repeat, most=2**24 if options.quick else 2**30)
    for case in cases:
        result = _dataset(case, options, stream)
        results["datasets"].append(result)
        if "contestants" in options.parts:
            show(*(report.contestants_table(result, family) for family in _LAYER))
    _further(cases, options, results, stream, show)


def _write(options: argparse.Namespace, results: dict[str, Any], tables: list[report.Table]) -> None:
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")
    if options.markdown:
        options.markdown.write_text("\n".join(table.text(markdown=True) for table in tables), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--datasets", nargs="+", default=["fb15k", "tmdb5k", "geo-500"], metavar="NAME[=ROOT]",
        help="a dataset, with the folder of its root where that is not --data-root; synthetic-NODES for a small graph, "
        "random-EDGES for a large one",
    )  # fmt: skip
    parser.add_argument("--data-root", default="datasets", help="folder of the datasets; a missing one is built there")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeat", type=int, default=7, help="turns")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--size", type=int, default=8, help="values of a head")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--plain-edges", type=int, default=700_000,
        help="run the plain Python functions on graphs of at most so many edges",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small sizes everywhere, to see that all of it runs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser


def _load(options: argparse.Namespace) -> list[Case]:
    cases = []
    for dataset in options.datasets:
        try:
            cases.append(load_case(dataset, options.data_root, options.heads, options.size, options.device))
        except NieError as error:
            print(f"{dataset} is left out: {error}", file=sys.stderr)
    if not cases:
        raise SystemExit("No dataset is left.")
    return cases


def _dataset(case: Case, options: argparse.Namespace, stream: dict[str, float]) -> dict[str, Any]:
    """All contestants on one graph, and the roofline."""
    backend = automatic(case)
    result: dict[str, Any] = {
        "name": case.name, "num_nodes": case.num_nodes, "num_edges": case.num_edges,
        "num_relations": case.num_relations, "heads": case.heads, "size": case.size, "backend": backend,
        "reference": {family: f"{operator_name(mode)} [{backend}]" for family, mode in _OPERATOR.items()},
        "notes": [], "contestants": [],
    }  # fmt: skip
    if "contestants" in options.parts:
        for family in _LAYER:
            rivals = [one for one in contestants(case) if one.family == family]
            result["contestants"] += _compete(case, rivals, options, result)
    if "memory" in options.parts:
        _add_memory(case, result["contestants"], options.quick)
    if {"roofline", "contestants"} <= set(options.parts) and backend == "numba":
        gather = gather_bandwidth(case, options.repeat)
        measured = {row["name"]: row for row in result["contestants"]}
        result["gather_gb_per_s"] = gather / 1e9
        result["roofline"] = {
            mode: roofline(case, mode, measured[result["reference"][family]], stream["bytes_per_second"], gather)
            for family, mode in _OPERATOR.items()
        }
    return result


def _compete(
    case: Case, rivals: Iterable[Contestant], options: argparse.Namespace, result: dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows of one family, with the ratios to our operator and our layer."""
    steps: dict[Contestant, Step] = {}
    for one in rivals:
        try:
            _check_size(case, one, options.plain_edges)
            steps[one] = one.build(case)
        except NieError as error:
            result["notes"].append(f"{one.name} ({one.family}): {error}")
    _progress(f"{case.name}: {options.repeat} turns of {', '.join(one.name for one in steps)}")
    times = interleave(steps, options.repeat, once=[one for one in steps if one.one_head])
    times = {one: taken.of_heads(case.heads) if one.one_head else taken for one, taken in times.items()}
    totals = {one.name: taken.total for one, taken in times.items()}
    rows = []
    for one, taken in times.items():
        to = {name: ratio(taken.total, other) for name, other in totals.items()}
        row = {"name": one.name, "family": one.family, "kind": one.kind, "includes": one.includes, **summary(taken)}
        row |= {"ns_per_edge": 1e6 * row["total_ms"] / case.num_edges, "ratio_to": to}
        row |= {"ratio": to[result["reference"][one.family]], "ratio_to_layer": to[_LAYER[one.family]]}
        rows.append(row)
    return rows


def _check_size(case: Case, one: Contestant, plain_edges: int) -> None:
    """Raise for a contestant that would take hours, or more memory than there is."""
    if one.one_head and case.num_edges > plain_edges:
        raise NieError(f"more than {plain_edges:,} edges take too long (--plain-edges)")
    need = one.edge_rows * case.num_edges * case.width * 4
    free = available_bytes() if case.device == "cpu" else torch.cuda.mem_get_info()[0]
    if need > 0.6 * free:
        raise NieError(f"would need about {need / 1e9:.0f} GB of memory")


def _add_memory(case: Case, rows: list[dict[str, Any]], quick: bool) -> None:
    """Add the peaks to the rows, those of the two operators alone where it should be quick."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.npz"
        case.save(path)
        for row in rows:
            if not quick or (row["family"], row["kind"]) == ("additive", "operator"):
                _progress(f"{case.name}: memory of {row['name']}")
                row |= peak_memory(path, row["family"], row["name"], case.device) or {}


def _further(
    cases: list[Case], options: argparse.Namespace, results: dict[str, Any], stream: dict[str, float], show: Any
) -> None:
    """The other parts: on the first graph, the cost of blocks on the largest; then the targets."""
    repeat, parts = options.repeat, options.parts
    first = results["datasets"][0]
    if "roofline" in parts:
        results["stream"] = stream
        show(report.roofline_table(results["datasets"], stream))
    if "scaling" in parts:
        _progress(f"scaling on {first['name']}")
        sweeps = scaling(cases[0], min(repeat, 3), options.quick)
        results["scaling"] = {"graph": first["name"], "slopes": slopes(sweeps["E"]), "sweeps": sweeps}
        show(*report.scaling_tables(results["scaling"]))
    if "preparation" in parts:
        largest = max(cases, key=lambda case: case.num_edges)
        results["preparation"] = preparation(largest, repeat)
        show(report.preparation_table(results["preparation"]))
    if "batching" in parts:
        shapes = [(options.heads, options.size)] if options.quick else [(8, 8), (4, 16)]
        results["batching"] = batching(cases[0], repeat, shapes)
        show(report.batching_table(results["batching"]))
    found = report.targets(first["name"], first["contestants"], first["backend"])
    results["targets"] = found
    show(report.targets_table(found, results.get("scaling", {}).get("slopes", {})))


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
