"""What takes the disk, as tables."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from downstream.reports.kept import Kept
from downstream.reports.tables import markdown_grid
from nie.disk.removal import Measured, measure, readable_size

NOTE = (
    "'nie clean DATASET --older' removes the runs of older graphs, 'nie clean DATASET --features' computed features, "
    "which are computed again when they are needed, and 'nie clean PATH' what is at a path, such as "
)


def overview(things: Sequence[Kept]) -> str:
    """Tables of graphs and features, of runs by dataset and stage, and of all else."""
    if not things:
        return "nie keeps nothing here."
    sizes = {thing.path: measure(thing.path) for thing in things}
    tables = [table for make in (_graphs, _runs, _others) if (table := make(things, sizes))]
    whole = _total((thing for thing in things if thing.kind != "half-done fold"), sizes)  # which lie in runs
    return "\n\n".join([*tables, f"In all {readable_size(whole.size)}. {NOTE}{things[-1].path}."])


def _graphs(things: Sequence[Kept], sizes: Mapping[Path, Measured]) -> str:
    lines = []
    of_data = [thing for thing in things if thing.kind in ("graph", "features")]
    for dataset in dict.fromkeys(thing.dataset for thing in of_data):
        parts = [thing for thing in of_data if thing.dataset == dataset]
        each = [_total((part for part in parts if part.kind == kind), sizes) for kind in ("graph", "features")]
        lines.append([dataset, *(readable_size(one.size) for one in each), _day(_total(parts, sizes))])
    return markdown_grid(["dataset", "graph", "features", "last written"], lines) if lines else ""


def _runs(things: Sequence[Kept], sizes: Mapping[Path, Measured]) -> str:
    lines = []
    made = [thing for thing in things if thing.stage]
    for dataset, stage in dict.fromkeys((thing.dataset, thing.stage) for thing in made):
        parts = [thing for thing in made if (thing.dataset, thing.stage) == (dataset, stage)]
        runs = [part for part in parts if part.kind == "run"]
        older, half = [run for run in runs if run.older], [part for part in parts if part.kind != "run"]
        lines.append([
            dataset, stage, _counted(runs, sizes),
            "graph not on disk" if runs[0].older is None else _counted(older, sizes),
            _counted(half, sizes), _day(_total(runs, sizes)),
        ])  # fmt: skip
    headers = ["dataset", "runs of", "all", "of older graphs", "half-done folds", "last written"]
    return markdown_grid(headers, lines) if lines else ""


def _others(things: Sequence[Kept], sizes: Mapping[Path, Measured]) -> str:
    lines = [
        [str(thing.path), thing.kind, readable_size(sizes[thing.path].size), _day(sizes[thing.path])]
        for thing in things
        if thing.kind in ("study", "trials", "leftover")
    ]
    return markdown_grid(["path", "what", "size", "last written"], lines) if lines else ""


def _total(things: Iterable[Kept], sizes: Mapping[Path, Measured]) -> Measured:
    return sum((sizes[thing.path] for thing in things), Measured())


def _counted(things: Sequence[Kept], sizes: Mapping[Path, Measured]) -> str:
    return f"{len(things)}, {readable_size(_total(things, sizes).size)}" if things else ""


def _day(measured: Measured) -> str:
    return f"{datetime.datetime.fromtimestamp(measured.newest):%Y-%m-%d %H:%M}" if measured.newest else ""
