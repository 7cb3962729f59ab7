"""The studies of RGTN's ranking loss and of its other parts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from downstream.losses.table import ListSampling
from downstream.studies.needs import SEMANTIC, TEXT
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study, against

SAMPLINGS: tuple[ListSampling, ...] = ("uniform", "near", "hard", "mixed", "curriculum")
SIZES = (20, 100, 400)
FURTHER = (50, 200)
"""Lengths of uniform lists alone."""
PUBLISHED = "uniform, 100"
UNRANKED = "no ranking loss"
PARTS = ("structure", "semantics", "concatenation", "rgtn")
WITHOUT = "without the ranking loss"


def _lists(settings: Settings) -> list[Arm]:
    def rgtn(**loss: Any) -> Any:
        return settings.method("rgtn", loss=loss)

    weight = settings.method("rgtn").model_dump()["loss"]["listwise_weight"] or 0.3
    grid = [
        Arm(f"{kind}, {size}", rgtn(listwise_weight=weight, list_sampling=kind, list_size=size))
        for kind, size in (*itertools.product(SAMPLINGS, SIZES), *(("uniform", size) for size in FURTHER))
    ]
    return [
        Arm(UNRANKED, rgtn(listwise_weight=0.0)),
        *grid,
        Arm("all nodes in one list", rgtn(listwise_weight=weight, list_size="all")),
        Arm("uniform, 100, NDCG's weights", rgtn(listwise_weight=weight, list_size=100, listwise="lambda")),
    ]


def _parts(settings: Settings) -> list[Arm]:
    own = settings.method("rgtn").features
    # In the structural channel "auto" stands for something else; of texts it is TF-IDF in the semantic one.
    text, of_text = ("tfidf", (TEXT,)) if own.semantic == "auto" else (own.semantic, ())
    features = {
        "structure": {"semantic": "none"},
        "semantics": {"structural": "none", "degrees": False},
        "concatenation": {"structural": f"{own.structural}+{text}", "semantic": "none"},
        "rgtn": {},
    }
    needed = {"structure": (), "concatenation": (SEMANTIC,) if text == "none" else of_text}
    arms = []
    for name in PARTS:
        changes = {"features": features[name]} if features[name] else {}
        needs = needed.get(name, (SEMANTIC,))
        arms += [
            Arm(name, settings.method("rgtn", **changes), needs=needs),
            Arm(f"{name}, {WITHOUT}", settings.method("rgtn", loss={"listwise_weight": 0.0}, **changes), needs=needs),
        ]
    return [*arms, *_staged(settings)]


def staged(first: str) -> str:
    """Name of the arm that begins with a channel.

    >>> staged("structure")
    'rgtn, structure first'
    """
    return f"rgtn, {first} first"


FIRST = {"structure": "structural", "semantics": "semantic"}
"""The channel that training begins with, by the part of RGTN."""


def _staged(settings: Settings) -> list[Arm]:
    """RGTN that is trained on one channel in the first half of its epochs, and then on both."""
    half = max(1, settings.method("rgtn").model_dump()["optim"]["max_epochs"] // 2)
    return [
        Arm(
            staged(part), settings.method("rgtn", model={"first_channel": name, "first_steps": half}), needs=(SEMANTIC,)
        )
        for part, name in FIRST.items()
    ]


def _parts_pairs(arms: Sequence[Arm]) -> list[Pair]:
    """RGTN against each of its parts, in stages against at once, and each with the ranking loss against without."""
    return [
        *((staged(part), "rgtn") for part in FIRST),
        *(("rgtn", name) for name in PARTS if name != "rgtn"),
        *((name, f"{name}, {WITHOUT}") for name in PARTS),
    ]


LISTS = (
    Study(
        "lists",
        "Which nodes should the ranking loss put in order together, and how many at a time?",
        _lists,
        against(PUBLISHED),
        tested=("spearman", "ndcg@100"),
    ),
    Study(
        "rgtn-parts",
        "What is each part of RGTN worth: structure, semantics, their attention, the ranking loss, stages?",
        _parts,
        _parts_pairs,
        note="In stages: the first half of the epochs trains on one channel alone, the second on both; the learning "
        "rates are those of the row rgtn.",
    ),
)
