"""The study of a pretraining that also learns, where no label is known, what the best table predicts."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.studies.needs import TRAINING_LABELS
from downstream.studies.pretrainings import CONTROLS, TEACHER, against_raw_and_controls
from downstream.studies.settings import Settings
from downstream.studies.shares import ALL, SHARES_NOTE, by_share, folds_of_share, named
from downstream.studies.study import Arm, Pair, Study

NETWORKS = ("graphsage", "rgcn", "rgtn")
SHARES = (10, ALL)
LICAP = "licap (structural)"
TAUGHT = "taught regression"
WAYS = (*CONTROLS, LICAP, TAUGHT, "taught licap")


def student(row: str) -> str:
    """The row of a network that is taught in stage 2, without pretraining.

    >>> student("rgcn, 10 %")
    'rgcn, 10 %, taught'
    """
    return f"{row}, taught"


def _arms(settings: Settings) -> list[Arm]:
    arms = []
    for percent in SHARES:
        folds = folds_of_share(percent)
        teacher = Arm(named(TEACHER, percent), settings.method(TEACHER, folds=folds), needs=(TRAINING_LABELS,))
        arms += [teacher, *by_share(settings, (percent,), dict.fromkeys(NETWORKS, WAYS))]
        for network in NETWORKS:
            config = settings.method(network, folds=folds, teachers=(TEACHER,))
            arms.append(Arm(student(named(network, percent)), config, parts=(teacher,), needs=(TRAINING_LABELS,)))
    return arms


def _pairs(arms: Sequence[Arm]) -> list[Pair]:
    """Every pretraining against none and its controls; a taught one against its teacher, and a taught stage 2."""
    pairs = against_raw_and_controls(arms)
    for percent in SHARES:
        teacher = named(TEACHER, percent)
        for row in (named(network, percent) for network in NETWORKS):
            taught = f"{row}+{TAUGHT}"
            pairs += [(taught, teacher), (taught, student(row)), (student(row), row), (student(row), teacher)]
    return pairs


TAUGHT_STUDY = Study(
    "taught",
    "What is a pretraining worth that learns, where no label is known, what the best table predicts?",
    _arms,
    _pairs,
    seeds=(0, 1, 2),
    note=f"{SHARES_NOTE} The teacher of all is {TEACHER}, trained on the same labels.",
)
