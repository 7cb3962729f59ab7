"""The ways in which rows of a study are pretrained: LICAP by channel, and the controls that it stands beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from downstream.studies.needs import SEMANTIC, Need
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair

STRUCTURAL, BOTH = ("structural",), ("structural", "semantic")
ORDERED = {"bins": "quantiles", "repel": "far", "eta1": 0.0}
"""LICAP's second loss alone, over all training nodes in ten bins of equal counts, of which far ones repel most."""


@dataclass(frozen=True)
class Pretraining:
    """A way of pretraining.

    Attributes:
        licap: what differs from the settings of stage 1 in the dataset's recipe.
        method: what differs from those of stage 2.
        needs: what it reads that not every graph has.
    """

    licap: Mapping[str, Any] = field(default_factory=dict)
    method: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()


PRETRAININGS: dict[str, Pretraining] = {
    "untrained": Pretraining({"channels": STRUCTURAL, "loss": {"objective": "untrained"}}),
    "regression": Pretraining({"channels": STRUCTURAL, "loss": {"objective": "regression"}}),
    "licap (structural)": Pretraining({"channels": STRUCTURAL}),
    "licap (semantic)": Pretraining({"channels": ("semantic",)}, needs=(SEMANTIC,)),
    "licap (both)": Pretraining({"channels": BOTH}, needs=(SEMANTIC,)),
    "licap by probe": Pretraining({"channels": STRUCTURAL, "select": "probe"}),
    "licap 1-beta": Pretraining({"channels": STRUCTURAL, "loss": ORDERED}),
    "licap beside": Pretraining({"channels": STRUCTURAL}, {"pretrained_as": "addition"}),
}
"""By name, the controls first."""

CONTROLS = ("untrained", "regression")
BY_CHANNEL = ("licap (structural)", "licap (semantic)", "licap (both)")


def pretrained_arm(raw: Arm, name: str, settings: Settings, **licap: Any) -> Arm:
    """The row of ``raw`` on the embeddings of a way of pretraining, such as ``rgtn+licap (semantic)``.

    Args:
        raw: the row on raw features.
        name: of `PRETRAININGS`.
        settings: of the dataset.
        licap: further changes of stage 1.
    """
    way = PRETRAININGS[name]
    return replace(
        raw,
        name=f"{raw.name}+{name}",
        config=raw.config.model_copy(update=dict(way.method)),
        licap=settings.licap(**{**way.licap, **licap}),
        needs=(*raw.needs, *way.needs),
    )


def with_pretrainings(settings: Settings, raw: Sequence[Arm], names: Sequence[str], **licap: Any) -> list[Arm]:
    """Each row, and where it reads features, behind it one for each way of pretraining.

    Args:
        settings: of the dataset.
        raw: the rows on raw features.
        names: of `PRETRAININGS`.
        licap: further changes of stage 1, for all of them.
    """
    arms = []
    for arm in raw:
        arms.append(arm)
        if getattr(arm.config, "reads_features", False):
            arms += [pretrained_arm(arm, name, settings, **licap) for name in names]
    return arms


def against_raw_and_controls(arms: Sequence[Arm]) -> list[Pair]:
    """Every row of LICAP against its method on raw features and on those of the controls that are rows, too."""
    names = {arm.name for arm in arms}
    pairs = []
    for arm in arms:
        method, _, way = arm.name.partition("+")
        if way and way not in CONTROLS:
            pairs += [
                (arm.name, other) for other in (method, *(f"{method}+{name}" for name in CONTROLS)) if other in names
            ]
    return pairs
