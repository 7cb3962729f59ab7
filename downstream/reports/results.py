"""Test figures of several runs on one dataset, by row, metric and fold."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downstream.methods.row_names import licap_label, pretrained_label
from downstream.methods.table import METHODS, method_of
from downstream.metrics.registry import METRICS
from downstream.reports.training_labels import cut_by, labels_given
from downstream.stages.importance import IMPORTANCE
from downstream.stages.same_graph import is_older
from downstream.stages.table import STAGES
from nie.data.version import stored_version
from nie.errors import NieError
from nie.plugins import source_of
from nie.progress import log
from nie.runs.run import SUMMARY, Run, mean_sd, read_run, run_path
from nie.runs.stage import Stage

_NAME = re.compile(r"[\w.+-]+-[0-9a-f]{8}")
"""What names of run folders look like."""


@dataclass(frozen=True)
class Results:
    """Test figures of one dataset.

    Attributes:
        dataset: its name.
        metrics: the metrics of a table, in order.
        rows: by row name and fold, the value of every metric; None where it is undefined.
        leaking: the rows whose method has seen the labels that it is tested on.

    Example:
        >>> rows = {"a": {0: {"rmse": 1.0}, 1: {"rmse": 3.0}}, "b": {0: {"rmse": 4.0}, 1: {"rmse": 5.0}}}
        >>> results = Results("toy", ("rmse",), rows)
        >>> results.summary("a", "rmse")
        {'mean': 2.0, 'sd': 1.0, 'n': 2}
        >>> results.places("rmse")
        {'a': 1, 'b': 2}
    """

    dataset: str
    metrics: tuple[str, ...]
    rows: Mapping[str, Mapping[int, Mapping[str, float | None]]]
    leaking: frozenset[str] = frozenset()

    @classmethod
    def of(cls, runs: Mapping[str, Run], metrics: tuple[str, ...] = ()) -> Results:
        """Collect the finished folds of ``runs``, which are named by row; runs without one are left out.

        Args:
            runs: by row.
            metrics: of the table, by default those of the stage that made the runs and those that plugins have, without
                those that no run has; @20 instead of @100 where test sets have fewer than 100 nodes.

        Raises:
            NieError: no run has a finished fold, or two runs are on different versions of the dataset or of a fold.
        """
        measured = {name: {fold: run.metrics(fold) for fold in run.finished_folds()} for name, run in runs.items()}
        _check_same_ground(runs, measured)
        rows = {name: {fold: made.get("test", {}) for fold, made in of.items()} for name, of in measured.items() if of}
        if not rows:
            raise NieError("No run has a finished fold, so there is nothing to report; run the methods first.")
        first = next(iter(runs.values()))
        leaking = frozenset(name for name in rows if (method := method_of(runs[name])) and method.sees_test_labels)
        return cls(str(first.config["dataset"]), _columns(STAGES[first.stage], rows, metrics), rows, leaking)

    def folds(self, row: str) -> list[int]:
        """Finished folds of a row."""
        return sorted(self.rows[row])

    def values(self, row: str, metric: str) -> list[float | None]:
        """The value of every fold, in the order of `folds`."""
        return [self.rows[row][fold].get(metric) for fold in self.folds(row)]

    def title(self, row: str) -> str:
        """The row's name, with a warning where its method has seen the labels that it is tested on."""
        return f"{row} (sees test labels)" if row in self.leaking else row

    def summary(self, row: str, metric: str) -> dict[str, float | int | None]:
        """Mean, population standard deviation and n over the folds."""
        if (row, metric) not in self._summaries:  # computed exactly, which takes its time, and every table asks again
            self._summaries[row, metric] = mean_sd(self.values(row, metric))
        return self._summaries[row, metric]

    @functools.cached_property
    def _summaries(self) -> dict[tuple[str, str], dict[str, float | int | None]]:
        return {}

    def places(self, metric: str) -> dict[str, int]:
        """Rank of the rows by their mean, 1 for the best; only honest rows on the largest set of folds are ranked."""
        honest = [row for row in self.rows if row not in self.leaking]
        most = most_folds(self.folds(row) for row in honest)
        means = {row: self.summary(row, metric)["mean"] for row in honest if tuple(self.folds(row)) == most}
        defined = {row: float(mean) for row, mean in means.items() if mean is not None}
        if METRICS[metric].higher_is_better is None:
            return {}
        sign = -1 if METRICS[metric].higher_is_better else 1
        return {row: 1 + sum(sign * other < sign * mean for other in defined.values()) for row, mean in defined.items()}


def most_folds(sets: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The folds on which rows compare: the largest set, and of equally large ones that of most rows.

    >>> most_folds([[0], [1], [1]])
    (1,)
    """
    rows = Counter(tuple(folds) for folds in sets)
    return max(rows, key=lambda folds: (len(folds), rows[folds]), default=())


def _columns(
    stage: Stage[Any], rows: Mapping[str, Mapping[int, Mapping[str, Any]]], asked: tuple[str, ...]
) -> tuple[str, ...]:  # fmt: skip
    found = [figures for folds in rows.values() for figures in folds.values()]
    small = dict(zip(stage.columns, stage.columns_small or stage.columns, strict=True))
    fits = all(name in figures for figures in found for name in stage.columns if name != small[name])
    columns = tuple(name if fits else small.get(name, name) for name in asked or stage.columns)
    if asked:
        return columns
    own = [name for name in METRICS if source_of("metric", name) is not None]
    return tuple(name for name in (*columns, *own) if any(name in figures for figures in found))


def _check_same_ground(runs: Mapping[str, Run], measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> None:
    """Raise unless all runs know the same labels and the same folds, as what ``metrics.json`` of their folds says.

    Runs that were given other training labels have other folds, with the same test nodes where these are cut alike.
    """
    seen: dict[tuple[Any, ...], tuple[str, Any]] = {}
    for name, run in runs.items():
        folds = run.config.get("folds", {})
        for fold, made in measured[name].items():
            bound = made.get("binding", {})
            whole = (bound.get("dataset_sha256"), cut_by(folds))
            for key, ground in (((), whole), ((fold, *labels_given(folds)), bound)):
                other, known = seen.setdefault(key, (name, ground))
                if ground != known:
                    both = f"Fold {fold} of {name} ({run.path}) and of {other} ({runs[other].path}) are on different"
                    raise NieError(f"{both} folds or versions of the dataset, so their figures do not compare.")


@dataclass(frozen=True)
class FoundRuns:
    """The finished stage-2 runs of a dataset, apart where they do not compare.

    Attributes:
        present: those on the present graph that compare, simple methods first.
        older: groups of runs that were made from older graphs and compare with each other, the newest group first.
        on_disk: whether the graph is there; without it all runs that compare count as present.
    """

    present: list[Run]
    older: list[list[Run]]
    on_disk: bool


def found_runs(
    dataset: str, run_root: str | Path = "checkpoints", data_root: str | Path = "datasets"
) -> FoundRuns:  # fmt: skip
    """The stage-2 runs of ``dataset`` that have a finished fold, by the version of the graph that they were made from.

    Runs compare if they are on the same folds of the same version of the graph. Of several such groups on the present
    graph the largest is returned, and of equally large ones the newest. A warning names the runs that are left out, and
    another the folders that are not named as their settings say, because they are copies, or runs that were renamed.

    Raises:
        NieError: there are none; the message says which runs of other stages there are, and what reads them.
    """
    folder = Path(run_root) / IMPORTANCE.name / dataset
    runs = [run for run in _named_as_settings_say(sorted(folder.glob(f"[!.]*/{SUMMARY}"))) if run.finished_folds()]
    if not runs:
        others = [name for name in STAGES if any((Path(run_root) / name / dataset).glob(f"[!.]*/{SUMMARY}"))]
        there = "".join(f" There are runs of 'nie {STAGES[name].command}': {STAGES[name].read_by}." for name in others)
        raise NieError(f"There is no finished run in {folder}; start one with 'nie run {dataset}'.{there}")
    version = stored_version(dataset, data_root)
    older = [run for run in runs if version is not None and is_older(run, version)]
    groups = _that_compare([run for run in runs if run not in older])
    if groups:
        present, *rest = sorted(groups, key=lambda group: (len(group), _written(group)), reverse=True)
        left_out = [run.path.name for run in runs if any(run in group for group in rest)]
        if left_out:
            log.warning(
                "These runs are on other folds or another version of the graph and are left out: %s.",
                ", ".join(left_out),
            )
    newest_first = sorted(_that_compare(older), key=_written, reverse=True)
    return FoundRuns(present if groups else [], newest_first, version is not None)


def find_runs(
    dataset: str, run_root: str | Path = "checkpoints", data_root: str | Path = "datasets"
) -> list[Run]:  # fmt: skip
    """The stage-2 runs of ``dataset`` on the present graph, as `found_runs` finds them.

    Raises:
        NieError: there are none.
    """
    found = found_runs(dataset, run_root, data_root)
    if not found.present:
        raise NieError(
            f"All finished runs of {dataset} were made from an older graph; start one on the present graph with 'nie "
            f"run {dataset}'."
        )
    return found.present


def _that_compare(runs: Iterable[Run]) -> list[list[Run]]:
    """The runs in groups of the same folds of the same graph; in each, simple methods first."""
    simple_first = [label for method in METHODS for label in (method, licap_label(method))]
    order = {label: place for place, label in enumerate(simple_first)}
    groups: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (order.get(label := str(run.config["label"]), len(order)), label)):
        groups.setdefault(_ground(run), []).append(run)
    return list(groups.values())


def _named_as_settings_say(summaries: Iterable[Path]) -> list[Run]:
    """The runs that have these summaries and, for a name, the label and the hash of their settings."""
    runs, others = [], []
    for path in (summary.parent for summary in summaries):
        if _NAME.fullmatch(path.name) is None:  # whatever is in it
            others.append(path.name)
            continue
        run = read_run(path, IMPORTANCE.name)
        try:
            expected = run_path(IMPORTANCE.recipes.resolve(overrides=run.config)).name
        except NieError:  # settings of another version, whose hash nobody knows
            expected = path.name
        if path.name == expected:
            runs.append(run)
        else:
            others.append(f"{path.name} (settings of {expected})")
    if others:
        log.warning("These folders are left out, as a run of their settings has another name: %s.", ", ".join(others))
    return runs


def _ground(run: Run) -> str:
    """A key of the graph with its labels and of the folds that a run was tested on."""
    folds = {name: value for name, value in run.config.get("folds", {}).items() if name != "run"}
    bound = run.metrics(run.finished_folds()[0]).get("binding", {})
    return f"{bound.get('dataset_sha256')} {run.config.get('data')} {sorted(folds.items())}"


def _written(runs: Iterable[Run]) -> float:
    """When the newest of the runs last changed, in seconds."""
    return max((run.path / SUMMARY).stat().st_mtime for run in runs)


def named(runs: Iterable[Run]) -> dict[str, Run]:
    """Runs by label, which says so where features are pretrained.

    Where several share a label, it also names the channels that are pretrained; of those that still share it, the name
    of the folder, with the hash of the settings.
    """
    labelled = [(_label(run), run) for run in runs]
    count = Counter(label for label, _ in labelled)
    finer = [(label if count[label] == 1 else label + _channels(run), run) for label, run in labelled]
    count = Counter(label for label, _ in finer)
    return {label if count[label] == 1 else run.path.name: run for label, run in finer}


def _channels(run: Run) -> str:
    """The channels that the run reads pretrained, in brackets; "" for none, or where the pretraining is gone."""
    pretrained = run.config.get("pretrained")
    if not pretrained:
        return ""
    try:
        channels = run.config.get("replaced") or read_run(pretrained).config["channels"]
    except (NieError, KeyError):
        return ""
    return f" ({', '.join(channels)})"


def _label(run: Run) -> str:
    """A label of one's own, such as that of a recipe, is the same on raw and on pretrained features."""
    label, pretrained = str(run.config["label"]), run.config.get("pretrained")
    return pretrained_label(label, pretrained) if pretrained and "+" not in label else label
