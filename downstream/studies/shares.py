"""Rows by the share of the labels that are given for training, and their curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.metrics.registry import title
from downstream.reports import figures
from downstream.reports.results import Results
from downstream.studies.needs import TRAINING_LABELS
from downstream.studies.pretrainings import with_pretrainings
from downstream.studies.settings import Settings
from downstream.studies.study import Arm

ALL = 70
"""Percent of all labels that a fold has for training."""
SHARES_NOTE = "Rows of different shares of labels are tested on the same nodes, and have the same validation nodes."


def by_share(settings: Settings, shares: Sequence[int], methods: Mapping[str, Sequence[str]]) -> list[Arm]:
    """A row for each share and method, such as ``rgcn, 5 %``, and behind it those of its pretrainings.

    Args:
        settings: of the dataset.
        shares: percent of all labels, up to `ALL`.
        methods: by name, its ways of pretraining, of `downstream.studies.pretrainings.PRETRAININGS`.
    """
    arms = []
    for percent in shares:
        for method, ways in methods.items():
            config = settings.method(method, folds=folds_of_share(percent))
            raw = Arm(named(method, percent), config, needs=(TRAINING_LABELS,))
            arms += with_pretrainings(settings, [raw], ways, folds=config.folds.model_dump())
    return arms


def folds_of_share(percent: int) -> dict[str, float]:
    """The settings of folds that have so many percent of all labels for training.

    >>> folds_of_share(70)
    {'train_share': 1.0}
    """
    return {"train_share": percent / ALL}


def named(method: str, percent: int) -> str:
    """The row of a method that is given so many percent of the labels.

    >>> named("rgcn", 5)
    'rgcn, 5 %'
    """
    return f"{method}, {percent} %"


def curves_of_shares(arms: Sequence[Arm], results: Results) -> dict[str, Any]:
    """For each metric, a line for each method and pretraining over the share of labels."""
    drawn = {}
    for metric in figures.DRAWN:
        curves: dict[str, dict[float, float]] = {}
        for arm in arms:
            found = results.summary(arm.name, metric)["mean"] if arm.name in results.rows else None
            method, _, rest = arm.name.partition(", ")
            percent, _, way = rest.partition(" %")
            if found is not None:
                curves.setdefault(f"{method}{way}", {})[float(percent)] = float(found)
        if curves:
            drawn[f"labels {metric}"] = figures.lines(
                curves, "labels given for training, %", title(metric), logarithmic=True
            )
    return drawn
