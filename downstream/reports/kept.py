"""What nie keeps on the disk: graphs, features, runs, half-done folds, reports of studies and trials of searches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from downstream.stages.same_graph import is_older
from downstream.stages.table import STAGES
from nie.data.check import STORE, is_dataset
from nie.data.version import stored_version
from nie.disk.leftovers import leftovers
from nie.errors import NieError
from nie.runs.check import is_run
from nie.runs.fold_folder import FOLD
from nie.runs.run import Run

SEARCH, STUDIES, TRIALS = "search", "studies", "trials.db"
"""Under the root of the runs: the folder of the runs of searches, that of the reports of studies, and in the former
the trials."""
FEATURES = "features"
PARTIAL = ".partial"
OF_A_REPORT = ("table.md", "report.html")


@dataclass(frozen=True)
class Kept:
    """Something that nie made and that can be removed by itself.

    Attributes:
        path: its file or folder.
        kind: "graph", "features", "run", "half-done fold", "study", "trials", or "leftover" of a removal that was
            interrupted.
        dataset: that it belongs to; "" for trials.
        stage: of a run or a fold, by name; "search" before it where a search made it.
        older: whether it is a run that was made from an older graph; None where the graph is not on the disk.
    """

    path: Path
    kind: str
    dataset: str = ""
    stage: str = ""
    older: bool | None = False


def everything_kept(data_root: Path, run_root: Path) -> list[Kept]:
    """All that nie keeps under its two roots; no link is followed.

    Raises:
        NieError: a root is no folder that can be listed.
    """
    versions: dict[str, Mapping[str, str] | None] = {}
    things = []
    for dataset in _folders(data_root, is_root=True):
        if is_dataset(dataset):
            things.append(Kept(dataset / STORE, "graph", dataset.name))
        if (dataset / FEATURES).is_dir() and not (dataset / FEATURES).is_symlink():
            things.append(Kept(dataset / FEATURES, "features", dataset.name))
    searches = _folders(run_root / SEARCH)  # of stages
    for before, folders in (("", [run_root / stage for stage in STAGES]), (f"{SEARCH} ", searches)):
        for stage in folders:
            for dataset in _folders(stage):
                if dataset.name not in versions:
                    versions[dataset.name] = _version(dataset.name, data_root)
                things += [Kept(path, "leftover", dataset.name) for path in leftovers(dataset)]
                for run in filter(is_run, _folders(dataset)):
                    things += _of_run(run, dataset.name, before + stage.name, versions[dataset.name])
    for dataset in _folders(run_root / STUDIES):
        for report in _folders(dataset):
            if any((report / name).is_file() for name in OF_A_REPORT):
                things.append(Kept(report, "study", dataset.name))
    if (run_root / SEARCH / TRIALS).is_file() and not (run_root / SEARCH).is_symlink():
        things.append(Kept(run_root / SEARCH / TRIALS, "trials"))
    return things


def named_by(name: str, things: Iterable[Kept], roots: Iterable[Path]) -> list[Kept]:
    """What is meant by a path: the thing that is there, or else all that are below it.

    Raises:
        NieError: nothing of nie's is there, or the path is a root itself.
    """
    asked = _placed(Path(name))
    places = [_placed(root) for root in roots]
    if asked in places or not any(place in asked.parents for place in places):
        raise NieError(
            f"{name} is not below {' or '.join(map(str, roots))}, where nie keeps what it makes; 'nie clean' shows "
            "what there is."
        )
    found = [thing for thing in things if asked == (place := _placed(thing.path)) or asked in place.parents]
    if not found:
        raise NieError(f"There is nothing at {name} that nie has made; 'nie clean' shows what there is.")
    return found


def outermost(things: Iterable[Kept]) -> list[Kept]:
    """Each thing once, and none that lies in another of them."""
    by_path = {thing.path: thing for thing in things}
    return [thing for path, thing in by_path.items() if not any(parent in by_path for parent in path.parents)]


def _of_run(path: Path, dataset: str, stage: str, version: Mapping[str, str] | None) -> Iterator[Kept]:
    yield Kept(path, "run", dataset, stage, None if version is None else is_older(Run(path, {}), version))
    for folder in _folders(path):
        if folder.name.endswith(PARTIAL) and FOLD.fullmatch(folder.name.removesuffix(PARTIAL)):
            yield Kept(folder, "half-done fold", dataset, stage)


def _version(dataset: str, data_root: Path) -> Mapping[str, str] | None:
    try:
        return stored_version(dataset, data_root)
    except NieError:  # it is damaged, as 'nie check' tells
        return None


def _folders(path: Path, *, is_root: bool = False) -> list[Path]:
    """The folders in a folder, by name, without hidden ones and links; none where it is a link below a root."""
    if path.is_symlink() and not is_root:
        return []
    try:
        with os.scandir(path) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [path / name for name in sorted(found) if not name.startswith(".")]


def _placed(path: Path) -> Path:
    """Where a path is, with links on the way to it resolved, but not one that it is itself."""
    whole = Path(os.path.abspath(path))
    return Path(os.path.realpath(whole.parent)) / whole.name
