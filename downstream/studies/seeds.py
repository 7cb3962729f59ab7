"""Rows of a study that are repeated with several seeds: how they are run, and how they become one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from downstream.reports.results import Results
from downstream.studies.study import Arm

Kept = TypeVar("Kept")

REPETITION = 1000
"""What the folds of a repetition are numbered from: fold 2 with the second seed is 1002."""

SEEDS_NOTE = (
    "Every row is run with several seeds on the same folds: mean and deviation are over all of these runs. Tests "
    "compare the means over the seeds that both rows have, fold by fold (in a balanced design that is the test of the "
    "mixed model with a random effect of the fold), with the correction for training sets that overlap."
)


def on_seeds(arms: Sequence[Arm], seeds: Sequence[int]) -> list[Arm]:
    """All arms with one seed after the other; the whole table with the first seed comes first."""
    repeated = []
    for number, seed in enumerate(seeds):
        for arm in arms:
            name = seed_name(arm.name, number) if number else arm.name
            repeated.append(replace(_with_seed(arm, seed), name=name, repeats=(arm.name, number)))
    return repeated


def _with_seed(arm: Arm, seed: int) -> Arm:
    """The arm with the seed added to that of its settings, of its pretraining, and of the arms that it reads."""
    config = arm.config.model_copy(update={"seed": arm.config.seed + seed})
    licap = arm.licap and arm.licap.model_copy(update={"seed": arm.licap.seed + seed})
    parts, teachers = (tuple(_with_seed(one, seed) for one in read) for read in (arm.parts, arm.teachers))
    return replace(arm, config=config, licap=licap, parts=parts, teachers=teachers)


def seed_name(row: str, number: int) -> str:
    """What the repetition of a row with the seed of this number is called; the first seed is number 0.

    >>> seed_name("rgtn", 2)
    'rgtn, seed 2'
    """
    return f"{row}, seed {number}"


def merged(results: Results, arms: Sequence[Arm]) -> Results:
    """The results with one row for all repetitions of an arm."""
    repeats = {arm.name: arm.repeats for arm in arms if arm.repeats is not None}
    rows: dict[str, dict[int, Mapping[str, float | None]]] = {}
    for name, folds in results.rows.items():
        row, number = repeats.get(name, (name, 0))
        rows.setdefault(row, {}).update({number * REPETITION + fold: made for fold, made in folds.items()})
    return replace(results, rows=rows)


def of_first_seed(rows: Mapping[str, Kept], arms: Sequence[Arm]) -> dict[str, Kept]:
    """What there is by row, without that of further seeds."""
    further = {arm.name for arm in arms if arm.repeats is not None and arm.repeats[1] > 0}
    return {name: kept for name, kept in rows.items() if name not in further}


def over_seeds(results: Results) -> Results:
    """Of every row and fold the mean over the repetitions that all rows have; None where one of them is undefined.

    So two rows are compared on the same seeds, also while a study is under way: a repetition that lacks folds which
    another one has does not count, and a fold that lacks a repetition is left out.

    >>> rows = {"a": {0: {"rmse": 1.0}, 1000: {"rmse": 3.0}, 1: {"rmse": 5.0}, 2000: {"rmse": 9.0}}}
    >>> rows["b"] = {0: {"rmse": 2.0}, 1000: {"rmse": 2.0}}
    >>> over_seeds(Results("toy", ("rmse",), rows)).rows
    {'a': {0: {'rmse': 1.0}, 1: {'rmse': 5.0}}, 'b': {0: {'rmse': 2.0}}}
    """
    repetitions = [_whole(folds) for folds in results.rows.values() if folds]
    shared = set[int].intersection(*repetitions) if repetitions else set()
    rows: dict[str, dict[int, dict[str, float | None]]] = {}
    for name, folds in results.rows.items():
        by_fold: dict[int, list[Mapping[str, float | None]]] = {}
        for fold, made in folds.items():
            if fold // REPETITION in shared:
                by_fold.setdefault(fold % REPETITION, []).append(made)
        rows[name] = {
            fold: {metric: _mean([one.get(metric) for one in made]) for metric in made[0]}
            for fold, made in by_fold.items()
            if len(made) == len(shared)
        }
    return replace(results, rows=rows)


def _whole(folds: Iterable[int]) -> set[int]:
    """The repetitions that have as many folds as any."""
    number = Counter(fold // REPETITION for fold in folds)
    return {repetition for repetition, count in number.items() if count == max(number.values())}


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if len(defined) == len(values) else None
