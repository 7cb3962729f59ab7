"""The ways in which rows of a study are pretrained: LICAP by channel, and the controls that it stands beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from downstream.studies.needs import SEMANTIC, Need
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair

CONTROLS = ("untrained", "regression")
"""The same encoder as it is drawn, and trained with squared error: a gain over raw features may be theirs, too."""


@dataclass(frozen=True)
class Pretraining:
    """A way of pretraining.

    Attributes:
        licap: what differs from the settings of stage 1 in the dataset's recipe.
        method: what differs from those of stage 2.
        needs: what it reads that not every graph has.
        controls: the ways that its rows are tested against, beside raw features.
        teachers: the methods whose predictions stage 1 learns at nodes without a training label.
    """

    licap: Mapping[str, Any] = field(default_factory=dict)
    method: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    controls: tuple[str, ...] = CONTROLS
    teachers: tuple[str, ...] = ()


def _structural(
    *controls: str, method: Mapping[str, Any] | None = None, teachers: tuple[str, ...] = (), **licap: Any
) -> Pretraining:
    return Pretraining({"channels": ("structural",), **licap}, method or {}, controls=controls, teachers=teachers)


SQUARED_ERROR = 10.0
"""A contrast is about as large as this times a squared error of labels."""
BESIDE = {"pretrained_as": "addition"}
TEACHER = "kernel-ridge-neighbours"
"""The best single table, in seconds."""
PRETRAININGS: dict[str, Pretraining] = {
    "untrained": _structural(loss={"objective": "untrained"}),
    "regression": _structural(loss={"objective": "regression"}),
    "untrained beside": _structural(loss={"objective": "untrained"}, method=BESIDE),
    "licap (structural)": _structural(*CONTROLS),
    "licap (semantic)": Pretraining({"channels": ("semantic",)}, needs=(SEMANTIC,)),
    "licap (both)": Pretraining({"channels": ("structural", "semantic")}, needs=(SEMANTIC,)),
    "licap by contrast": _structural("licap (structural)", select="contrast"),
    "licap as published": _structural(
        "licap (structural)", select="contrast", model={"residual": False}, features={"degrees": False}
    ),
    # the second loss alone, over ten bins of equal counts of all training nodes, of which far ones repel most
    "licap 1-beta": _structural(*CONTROLS, loss={"bins": "quantiles", "repel": "far", "eta1": 0.0}),
    "licap beside": _structural("untrained beside", method=BESIDE),
    "licap, equal bins": _structural(*CONTROLS, loss={"bins": "top-quantiles", "num_bins": 5}),
    "licap cross-fitted": _structural("licap (structural)", cross_fit=5),
    "licap and regression": _structural(*CONTROLS, loss={"squared_error": SQUARED_ERROR}),
    "regression cross-fitted": _structural("regression", loss={"objective": "regression"}, cross_fit=5),
    "licap fine-tuned": _structural("licap (structural)", method={"fine_tune": True}),
    "rank-n-contrast": _structural(*CONTROLS, loss={"objective": "rank-n-contrast"}),
    "y-aware": _structural(*CONTROLS, loss={"objective": "y-aware"}),
    "taught licap": _structural("licap (structural)", *CONTROLS, teachers=(TEACHER,)),
    "taught regression": _structural(*CONTROLS, teachers=(TEACHER,), loss={"objective": "regression"}),
}
"""By name."""

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
    taught = {"teachers": way.teachers} if way.teachers else {}
    folds = {"folds": getattr(raw.config, "folds", None)}
    return replace(
        raw,
        name=f"{raw.name}+{name}",
        config=raw.config.model_copy(update=dict(way.method)),
        licap=settings.licap(**{**way.licap, **taught, **licap}),
        needs=(*raw.needs, *way.needs),
        teachers=tuple(Arm(method, settings.method(method).model_copy(update=folds)) for method in way.teachers),
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
    """Every pretrained row against its method on raw features, and on those of its controls that are rows, too."""
    names = {arm.name for arm in arms}
    pairs = []
    for arm in arms:
        method, _, way = arm.name.partition("+")
        if way in PRETRAININGS:
            others = (method, *(f"{method}+{name}" for name in PRETRAININGS[way].controls))
            pairs += [(arm.name, other) for other in others if other in names]
    return pairs
