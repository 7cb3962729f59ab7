"""Figures of folds that a study has measured before, in one small file that outlives the runs.

Run directories are large and stay where they were made. Their test figures are small: with them a table is continued on
another machine, and a row of one's own is compared, fold by fold, with rows that somebody else has trained.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from downstream.methods.finished_predictions import parts_left_out
from downstream.reports.results import Results
from downstream.reports.tables import csv_text
from downstream.reports.training_labels import labels_given
from downstream.stages.runner import Runner
from downstream.studies.cost import seconds_by_row
from downstream.studies.study import Arm, Study
from nie.disk.atomic import write_bytes
from nie.errors import NieError
from nie.foreign import one_line
from nie.runs.run import Run

ABOUT = ("row", "run", "fold", "dataset_sha256", "fold_sha256", "seconds", "test_share")
"""The columns before those of the metrics."""


@dataclass(frozen=True)
class Record:
    """What is kept of a finished fold.

    Attributes:
        row: name of the row of the study.
        run: name of the run's folder, which has the hash of its settings.
        fold: number of the fold.
        dataset_sha256: of the graph.
        fold_sha256: of the node ids of the fold.
        seconds: of training and evaluation, with the pretraining that it read; nan where that was gone.
        test_share: test nodes over training nodes.
        figures: by metric; None where one is undefined.
    """

    row: str
    run: str
    fold: int
    dataset_sha256: str
    fold_sha256: str
    seconds: float
    test_share: float
    figures: Mapping[str, float | None]


Recorded = Mapping[str, Mapping[int, Record]]
"""Records by row and fold."""


class Records:
    """The records of a study.

    Example:
        >>> one = Record("mlp", "mlp-0123abcd", 0, "d", "f", 9.5, 0.33, {"rmse": 0.5})
        >>> [record.row for record in Records([one])]
        ['mlp']
    """

    def __init__(self, made: Iterable[Record] = ()) -> None:
        self._made = {(record.run, record.fold): record for record in made}

    def __iter__(self) -> Iterator[Record]:
        return iter(self._made.values())

    @classmethod
    def read(cls, path: Path) -> Records:
        """The records in a file that `write` has made; none where there is no file, or nothing in it.

        Raises:
            NieError: it holds something else.
        """
        if not path.exists():
            return cls()
        try:
            with path.open(newline="", encoding="utf-8") as file:
                header, *lines = [line for line in csv.reader(file, strict=True) if line] or [[*ABOUT]]
            if tuple(header[: len(ABOUT)]) != ABOUT:
                raise ValueError(f"its columns are {one_line(', '.join(header), 100)}")
            return cls([_record(header, line) for line in lines])
        except (OSError, ValueError, csv.Error) as error:
            raise NieError(
                f"{path} must be what 'nie study --records' has written, with the columns {', '.join(ABOUT)} and "
                f"metrics, but {error}; name another file."
            ) from error

    def by_row(self, arms: Sequence[Arm], runner: Runner) -> Recorded:
        """The records of those folds that the arms ask for and whose settings are those of the arms.

        Raises:
            NieError: some are of another version of the graph.
        """
        by_run: dict[str, dict[int, Record]] = {}
        for record in self:
            by_run.setdefault(record.run, {})[record.fold] = record
        found = {}
        for arm in arms:
            config = arm.settings_in(runner)
            of_run = by_run.get(runner.path(config).name, {})
            asked = {fold: of_run[fold] for fold in config.fold_numbers if fold in of_run}
            digest = runner.graph(config.dataset).digest
            if any(record.dataset_sha256 not in ("", digest) for record in asked.values()):
                raise NieError(
                    f"The records of {arm.name} are of another version of {config.dataset}; name another file."
                )
            if asked:
                found[arm.name] = asked
        return found

    def with_runs(self, runs: Mapping[str, Run], study: Study) -> Records:
        """These records, with those of the finished folds of ``runs``, which take the place of older ones.

        A fold that is made without a part of its row has the name of the whole one, and no record.
        """
        if not runs:
            return self
        results, seconds, made = Results.of(runs, study.columns), seconds_by_row(runs), [*self]
        share = study.ground.test_share(next(iter(runs.values())))
        for row, run in runs.items():
            for fold in run.finished_folds():
                if parts_left_out(run, fold):
                    continue
                bound = run.metrics(fold).get("binding", {})
                figures = {metric: results.rows[row][fold].get(metric) for metric in results.metrics}
                about = (str(bound.get("dataset_sha256", "")), str(bound.get("fold_sha256", "")))
                made.append(Record(row, run.path.name, fold, *about, seconds.get(row, math.nan), share, figures))
        return Records(made)

    def write(self, path: Path) -> None:
        """Write a line for each fold, sorted by row and fold."""
        made = sorted(self, key=lambda record: (record.row, record.fold, record.run))
        metrics = list(dict.fromkeys(metric for record in made for metric in record.figures))
        lines = [
            [
                *(record.row, record.run, record.fold, record.dataset_sha256, record.fold_sha256),
                "" if math.isnan(record.seconds) else round(record.seconds, 1),
                *(record.test_share, *map(record.figures.get, metrics)),
            ]
            for record in made
        ]
        write_bytes(path, csv_text([*ABOUT, *metrics], lines).encode())


def left_to_run(arms: Sequence[Arm], recorded: Recorded) -> list[Arm]:
    """The arms on those folds of which there is no record, or of which there is one that an arm to run cannot read.

    A blend and a student read the runs of other arms, and of these a record has the figures alone. Pretraining that
    several arms read has the folds of all.
    """
    left = {arm.name: set(arm.config.fold_numbers) - recorded.get(arm.name, {}).keys() for arm in arms}
    left_of = {_made_with(arm): left[arm.name] for arm in arms}

    def ask_parts(arm: Arm, folds: frozenset[int]) -> None:
        for part in arm.reads:
            left_of.get(_made_with(part), set()).update(folds.intersection(part.config.fold_numbers))
            ask_parts(part, folds)

    for arm in arms:
        ask_parts(arm, frozenset(left[arm.name]))
    read: dict[str, set[int]] = {}
    for arm in arms:
        if arm.licap:
            read.setdefault(arm.licap.digest(), set()).update(left[arm.name])
    return [
        replace(
            arm,
            config=arm.config.on_folds(*sorted(left[arm.name])),
            licap=arm.licap and arm.licap.on_folds(*sorted(read[arm.licap.digest()])),
        )
        for arm in arms
        if left[arm.name]
    ]


def _made_with(arm: Arm) -> tuple[Any, ...]:
    """The settings of an arm and of all that it reads; the name of a part does not tell its seed."""
    return arm.config.digest(), arm.licap and arm.licap.digest(), *map(_made_with, arm.reads)


def with_records(results: Results | None, recorded: Recorded, arms: Sequence[Arm]) -> Results:
    """The results of runs together with what is recorded, in the order of the arms; a run goes before a record.

    Raises:
        NieError: a fold of a record has other nodes than the same fold of another.
    """
    rows: dict[str, dict[int, Mapping[str, float | None]]] = {}
    nodes: dict[tuple[int, str], str] = {}
    for arm in arms:
        folds = {fold: record.figures for fold, record in recorded.get(arm.name, {}).items()}
        folds |= results.rows.get(arm.name, {}) if results else {}
        if folds:
            rows[arm.name] = folds
        for fold, record in recorded.get(arm.name, {}).items():
            given = str(labels_given(arm.config.model_dump().get("folds", {})))
            if nodes.setdefault((fold, given), record.fold_sha256) != record.fold_sha256:
                raise NieError(f"Fold {fold} of the records of {arm.name} has other nodes than that of other rows.")
    if results:
        return replace(results, rows=rows)
    metrics = dict.fromkeys(name for of in recorded.values() for record in of.values() for name in record.figures)
    return Results(arms[0].config.dataset, tuple(metrics), rows)


def _record(header: Sequence[str], line: Sequence[str]) -> Record:
    if len(line) != len(header):
        raise ValueError(f"a line has {len(line)} fields, and the first {len(header)}")
    row, run, fold, dataset, nodes, seconds, share, *values = line
    figures = {name: float(value) if value else None for name, value in zip(header[len(ABOUT) :], values, strict=True)}
    row = row.removeprefix("'")  # of `nie.foreign.csv_cell`
    return Record(row, run, int(fold), dataset, nodes, float(seconds or "nan"), float(share), figures)
