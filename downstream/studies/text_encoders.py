"""The study of what reads the texts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from downstream.studies.needs import TEXT
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study

ENCODERS = ("tfidf", "minilm", "mpnet")
"""From the smallest to the largest."""
READERS = ("ridge", "kernel-ridge-neighbours", "mlp", "graphsage", "rgcn", "geni", "rgtn")
"""The methods that are compared by what reads the texts for them."""


def _arms(settings: Settings) -> list[Arm]:
    arms = []
    for method, encoder in itertools.product(READERS, ENCODERS):
        _reader, *around = settings.method(method).features.semantic.split("+")
        features = {"semantic": "+".join([encoder, *around])}
        arms.append(Arm(named(method, encoder), settings.method(method, features=features), needs=(TEXT,)))
    return arms


def named(method: str, encoder: str) -> str:
    """Name of a row.

    >>> named("rgtn", "mpnet")
    'rgtn, mpnet'
    """
    return f"{method}, {encoder}"


def _each_against_the_smaller(_arms: Sequence[Arm]) -> list[Pair]:
    steps = itertools.product(READERS, itertools.pairwise(ENCODERS))
    return [(named(method, larger), named(method, smaller)) for method, (smaller, larger) in steps]


TEXT_ENCODERS = Study(
    "text-encoders",
    "What is a larger reader of texts worth to every method?",
    _arms,
    _each_against_the_smaller,
)
