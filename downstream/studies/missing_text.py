"""The study of nodes whose text is missing or wrong."""

from __future__ import annotations

from typing import Any

from downstream.studies.channels import CONTROLLED, SETS, against, channel_features
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study
from nie.later import later
from nie.vocabulary import FUSION_NAMES

OWN_FEATURES = {"semantic": "variational", "numeric": "variational"}


DROPPED = ("concat", "attention", "inverse_variance")


def _missing(settings: Settings) -> list[Arm]:
    """Text and numbers are read by encoders that see the node alone, so that a channel can be missing."""

    def fused(fusion: str, **model: Any) -> Any:
        own = {"encoders": OWN_FEATURES, "fusion": fusion, "head": "vector", **model}
        return settings.method("rgtn", features=channel_features(SETS["S+T+N"]), model=own)

    hidden = {"channel_drop": 0.3, "channel_warmup": 10}
    without = {"encoders": {"numeric": "variational"}, "fusion": CONTROLLED, "head": "vector"}
    return [
        *(Arm(fusion, fused(fusion)) for fusion in FUSION_NAMES),
        *(Arm(f"{fusion}, channels dropped", fused(fusion, **hidden)) for fusion in DROPPED),
        Arm("no text", settings.method("rgtn", features=channel_features(("S", "N")), model=without)),
    ]


MISSING_STUDY = {
    "missing": Study(
        "What do the fusions make of nodes whose text is missing or wrong?",
        _missing,
        against("concat"),
        also=later("downstream.studies.corruption:corruption_report"),
    ),
}
