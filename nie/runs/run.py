"""Run directories: settings, provenance, and folds that appear when they are finished and can be continued until then.

::

    checkpoints/<stage>/<dataset>/<label>-<8 hex of the resolved config>/
      config.yaml  provenance.json  seal.json  summary.json
      fold0/  split.npz  model.safetensors  predictions.npy  curves.csv  metrics.json  timing.json  DONE
      fold1.partial/  checkpoint.pt

A fold is worked on in ``fold<k>.partial`` and renamed when it is complete; ``DONE`` is its last file. Everything in
``metrics.json`` is the same for the same seed on the same machine; what is not, is in ``timing.json``. ``DONE`` and
``seal.json`` hold the sha256 of the files beside them, and a file is compared with it whenever it is read.
"""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from filelock import FileLock

from nie.arguments import a_path
from nie.arrays import Array
from nie.disk.array_file import read_npy, read_npz
from nie.disk.atomic import atomic_file, space_errors
from nie.errors import NieError
from nie.runs.documents import check_metrics, check_timing
from nie.runs.files import read_json, write_json
from nie.runs.fold_folder import DONE, FOLD, file_names, has_whole, worked_on
from nie.runs.head import CONFIG, PROVENANCE, as_sealed, drop_damaged_seal, seal_head, stored_config
from nie.runs.other import OtherData, OtherStage
from nie.runs.provenance import origin
from nie.settings.run import RunConfig
from nie.settings.yaml_loader import SafeDumper

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        path: the folder.
        config: the resolved settings that it was opened with, as plain data.
        folds: the folds to look at; None for all that are there.
    """

    path: Path
    config: Mapping[str, Any]
    folds: tuple[int, ...] | None = None

    @property
    def stage(self) -> str:
        """Name of the stage that made it."""
        return str(self._provenance()["stage"])

    def check_stage(self, stage: str) -> None:
        """Raise `OtherStage` unless the stage of that name made the run."""
        if self.stage != stage:
            raise OtherStage(self.path, self.stage, stage)

    def _provenance(self) -> dict[str, Any]:
        """What the run was made from. The file is written once and cannot be made again."""
        path = self.path / PROVENANCE
        try:
            known = read_json(path)
            if not isinstance(known["stage"], str) or not self._as_sealed(path):
                raise NieError(f"{path} is damaged.")
        except (NieError, KeyError) as error:
            raise NieError(
                f"{path} is missing or damaged; restore it, or remove the run with 'nie clean {self.path}' and run "
                "again the command that made it."
            ) from error
        return known

    @staticmethod
    def _as_sealed(path: Path) -> bool:
        try:
            return as_sealed(path)
        except NieError:  # of the seal, which `read_run` tells of, and which the command that makes the run mends
            return True

    def damaged(self, path: Path, fold: int | None = None) -> NieError:
        """The error of a damaged file: a rerun writes it anew, but keeps a finished ``fold`` until that is removed."""
        first = "" if fold is None else f"remove the folder {self.fold_path(fold)} and "
        return NieError(f"{path} is missing or damaged; {first}run again the command that made it.")

    def fold_path(self, fold: int) -> Path:
        """Folder of a finished fold."""
        return self.path / f"fold{fold}"

    def partial_path(self, fold: int) -> Path:
        """Folder in which a fold is worked on."""
        return self.path / f"fold{fold}.partial"

    def is_done(self, fold: int) -> bool:
        """Whether the fold is finished."""
        return (self.fold_path(fold) / DONE).is_file()

    def finished_folds(self) -> list[int]:
        """Numbers of the finished folds that are looked at, ascending."""
        names = os.listdir(self.path) if self.path.is_dir() else []
        found = (int(name.removeprefix("fold")) for name in names if FOLD.fullmatch(name))
        return sorted(fold for fold in found if (self.folds is None or fold in self.folds) and self.is_done(fold))

    def fold(self, fold: int) -> contextlib.AbstractContextManager[Path]:
        """Yield the folder to work in; it becomes ``fold<k>`` when the block ends without an error."""
        return worked_on(self.partial_path(fold), self.fold_path(fold))

    def files(self, fold: int) -> list[str]:
        """Names of the files that a finished fold has, or had before it was damaged; with forward slashes."""
        folder = self.fold_path(fold)
        try:
            return file_names(folder)
        except NieError as error:
            raise self.damaged(folder / DONE, fold) from error

    def file(self, fold: int, name: str) -> Path:
        """Path of a finished fold's file, after a check that its content is what the fold was finished with.

        Raises:
            NieError: it is missing or has changed; in a fold from before folds had digests, a change is not seen.
        """
        path = self.fold_path(fold) / name
        if not has_whole(self.fold_path(fold), name):
            raise self.damaged(path, fold)
        return path

    def split(self, fold: int) -> dict[str, Array]:
        """The node ids ``train``, ``val`` and ``test`` of a finished fold."""
        path = self.file(fold, "split.npz")
        try:
            arrays = read_npz(path)
            return {part: arrays[part] for part in ("train", "val", "test")}
        except (NieError, KeyError) as error:
            raise self.damaged(path, fold) from error

    def predictions(self, fold: int, num_nodes: int) -> Array:
        """The (N,) float64 predictions of a finished fold of the importance stage, on the scale of the labels."""
        return self.array(fold, "predictions.npy", (num_nodes,))

    def ranking_scores(self, fold: int, num_nodes: int) -> Array:
        """The (N,) float64 scores that rank the nodes, where these are not the predictions."""
        apart = "scores.npy" in self.files(fold)
        return self.array(fold, "scores.npy" if apart else "predictions.npy", (num_nodes,))

    def array(self, fold: int, name: str, shape: tuple[int, ...]) -> Array:
        """A float64 array that a finished fold keeps, checked against the shape that the graph asks for."""
        path = self.file(fold, name)
        try:
            array = read_npy(path, mapped=False)
        except NieError as error:
            raise self.damaged(path, fold) from error
        if array.shape != shape:
            raise NieError(f"{path} must have the shape {shape}; got {array.shape}.")
        return array.astype(np.float64)

    def metrics(self, fold: int) -> dict[str, Any]:
        """What ``metrics.json`` of a finished fold says."""
        return self._document(fold, "metrics.json", check_metrics)

    def figures(self, fold: int, part: str) -> dict[str, Any]:
        """A part of ``metrics.json`` that the fold must have, such as ``val``, by name of the figure."""
        figures: dict[str, Any] | None = self.metrics(fold).get(part)
        if figures is None:
            raise self.damaged(self.fold_path(fold) / "metrics.json", fold)
        return figures

    def timing(self, fold: int) -> dict[str, Any]:
        """What ``timing.json`` of a finished fold says."""
        return self._document(fold, "timing.json", check_timing)

    def _document(self, fold: int, name: str, check: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        path = self.file(fold, name)
        try:
            document = read_json(path)
            check(document)
        except NieError as error:
            raise self.damaged(path, fold) from error
        return document

    def changed_source(self, made_from: Mapping[str, str]) -> str | None:
        """What has changed, and how, of what the run was made from; None where nothing has.

        Args:
            made_from: sha256 by name, as they are now.
        """
        known = self._provenance()
        for name, digest in made_from.items():
            if known.get(name) != digest:
                return f"{name} {str(known.get(name))[:8]}, now {digest[:8]}"
        return None

    def write_summary(self) -> dict[str, Any]:
        """Summarise the finished folds: mean and population standard deviation of every test metric.

        Several processes may do so at once.
        """
        with space_errors(self.path), FileLock(self.path / ".summary.lock"):
            write_json(self.path / SUMMARY, summary := self.summary())
            return summary

    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` has to say."""
        folds = self.finished_folds()
        tests = [self.metrics(fold).get("test", {}) for fold in folds]
        names = [name for name in (tests[0] if tests else {}) if all(name in test for test in tests)]
        return {"folds": folds, "test": {name: mean_sd([test[name] for test in tests]) for name in names}}


def mean_sd(values: Sequence[float | None]) -> dict[str, float | int | None]:
    """Mean, population standard deviation and count; one undefined value makes the first two undefined.

    >>> mean_sd([1.0, 3.0])
    {'mean': 2.0, 'sd': 1.0, 'n': 2}
    """
    defined = [value for value in values if value is not None]
    if not defined or len(defined) < len(values):
        return {"mean": None, "sd": None, "n": len(values)}
    return {"mean": statistics.fmean(defined), "sd": statistics.pstdev(defined), "n": len(defined)}


def run_path(config: RunConfig, root: str | Path = "checkpoints") -> Path:
    """The run directory of ``config``, whether it exists or not."""
    return Path(root) / config.stage / config.dataset / f"{config.run_label()}-{config.digest()}"


def open_run(config: RunConfig, *, root: str | Path = "checkpoints", made_from: Mapping[str, str] | None = None) -> Run:
    """Open, or start, the run directory of ``config``: the same settings, on the same data, give the same directory.

    Args:
        config: the resolved settings.
        root: folder of the runs.
        made_from: sha256 of what the run is made from, by name; kept in its provenance.

    Raises:
        OtherData: the directory was made from something that has changed since.
    """
    config = config.on_data(made_from or {})
    run = Run(run_path(config, root), {**config.model_dump(mode="json"), "label": config.run_label()})
    with space_errors(run.path):
        run.path.mkdir(parents=True, exist_ok=True)
        with FileLock(run.path / ".open.lock"):
            _prepare(run, config, made_from or {})
    return run


def check_source(run: Run, config: RunConfig, made_from: Mapping[str, str]) -> None:
    """Raise `OtherData` if the run directory of ``config`` is there and was made from something else."""
    if (run.path / PROVENANCE).exists() or run.finished_folds():  # folds of unknown origin are not taken over
        changed = run.changed_source(made_from)
        if changed:
            older = changed.startswith("dataset_sha256") and not config.splits_graph
            raise OtherData(run.path, config.dataset, changed, older=older)


def _prepare(run: Run, config: RunConfig, made_from: Mapping[str, str]) -> None:
    """Write what a run begins with, as far as it is not there or damaged."""
    path, written = run.path, drop_damaged_seal(run.path)
    check_source(run, config, made_from)
    if stored_config(path) is None:  # again, because it may have been damaged since
        with atomic_file(path / CONFIG) as temporary:
            temporary.write_text(yaml.dump(run.config, Dumper=SafeDumper, sort_keys=False), encoding="utf-8")
        written = True
    if not (path / PROVENANCE).exists():
        write_json(path / PROVENANCE, origin(config, made_from))
        written = True
    if written:
        seal_head(path)


def read_run(path: str | Path, stage: str | None = None) -> Run:
    """Open an existing run directory for reading.

    Args:
        path: the folder.
        stage: the stage that must have made it; by default any.

    Raises:
        NieError: there is no run at ``path``, or, as `OtherStage`, another stage made it.
    """
    folder = a_path("path", path)
    document = stored_config(folder)
    if document is None and not any((folder / name).is_file() for name in (CONFIG, PROVENANCE)):
        raise NieError(f"{folder} is not a run directory (it has no {CONFIG}); give the folder that a command printed.")
    if document is None:
        raise Run(folder, {}).damaged(folder / CONFIG)
    run = Run(folder, document)
    if stage is not None:
        run.check_stage(stage)
    return run
