"""The study of several signals: does a label gain by other signals of importance, and are rebels found among them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.needs import SIGNALS
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study
from nie.runs.run import Run

METHOD = "multi-import"
ONE, MEAN, HEADS, LATENT = "one signal", "mean of z-scores", "a head each", "multi-import"
WAYS: dict[str, dict[str, Any]] = {
    ONE: {"names": ("label",)},
    MEAN: {"combine": "mean"},
    HEADS: {"combine": "heads"},
    LATENT: {"combine": "latent"},
}
SHUFFLED, REVERSED = "label~shuffled", "label~reversed"
SETS: dict[str, dict[str, Any]] = {
    "": {},
    ", a fifth of the labels": {"folds": {"train_share": 0.2}},
    ", with a shuffled one": {"names": ("all", SHUFFLED)},
    ", with a reversed one": {"names": ("all", REVERSED)},
}
"""What is changed: four training labels in five are hidden, and a copy of the label is one more signal."""
UNSPLIT = ", never split"
EVERYWHERE = "multi-import, others known everywhere"
NOTE = (
    "By fold, which signals share the latent importance of the label (first) and which are clusters of their own, and "
    "the rank correlation of each with that importance on training nodes that it was not fitted to."
)


def _arm(settings: Settings, name: str, signals: Mapping[str, Any], **changes: Any) -> Arm:
    needs = () if signals.get("names") == ("label",) else (SIGNALS,)
    changes = {"model": {"signals": dict(signals)}, "shown_labels": 0.0, **changes}  # best recipes show them
    return Arm(name, settings.method(METHOD, **changes), needs=needs)


def _arms(settings: Settings) -> list[Arm]:
    arms = []
    for end, changes in SETS.items():
        names = {"names": changes["names"]} if "names" in changes else {}
        folds = {"folds": changes["folds"]} if "folds" in changes else {}
        for way, signals in WAYS.items():
            if names and way == ONE:
                continue
            arms.append(_arm(settings, way + end, {**signals, **names}, **folds))
        if names:
            arms.append(_arm(settings, LATENT + end + UNSPLIT, {**names, "threshold": -1.0}))
    arms.append(_arm(settings, EVERYWHERE, {"known": "everywhere"}))
    return arms


def _pairs(arms: Sequence[Arm]) -> list[Pair]:
    """Multi-import against every baseline in its own setting, and with rebels against without."""
    pairs = []
    for end, changes in SETS.items():
        others = [MEAN, HEADS] if "names" in changes else [ONE, MEAN, HEADS]
        pairs += [(LATENT + end, other + end) for other in others]
        if "names" in changes:
            pairs += [(LATENT + end, LATENT + end + UNSPLIT), (LATENT + end, LATENT)]
    return [*pairs, (EVERYWHERE, LATENT), (EVERYWHERE, ONE)]


def _clusters(arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner) -> tuple[list[Table], dict[str, Any]]:
    rows = []
    for arm in arms:
        if not arm.name.startswith(LATENT) or UNSPLIT in arm.name or arm.name not in runs:
            continue
        for fold in runs[arm.name].finished_folds():
            found = runs[arm.name].metrics(fold)["fit"]["signals"]
            clusters = "; ".join(", ".join(names) for names in found["clusters"])
            correlations = ", ".join(
                f"{name} {'—' if value is None else f'{value:.2f}'}" for name, value in found["correlations"].items()
            )
            rows.append([arm.name, str(fold), clusters, correlations])
    columns = ["row", "fold", "clusters", "correlation with the latent importance"]
    return ([Table("Clusters of signals", columns, rows, NOTE)] if rows else []), {}


SIGNALS_STUDY = Study(
    "signals",
    "What do further signals of importance add to a label, and are those that contradict it found?",
    _arms,
    _pairs,
    also=_clusters,
)
