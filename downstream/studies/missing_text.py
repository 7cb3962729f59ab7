"""The study of nodes whose text is missing or wrong."""

from __future__ import annotations

from typing import Any

from downstream.studies.channels import CONTROLLED, FUSIONS, SETS, channel_features, channel_needs
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study, against
from nie.later import later

OWN_FEATURES = {"semantic": "variational", "numeric": "variational"}
DROPPED = ("concat", "attention", "inverse_variance")


def _missing(settings: Settings) -> list[Arm]:
    """Arms whose encoders of text and numbers see the node alone, so that a channel can be missing."""

    def fused(name: str, fusion: str, **model: Any) -> Arm:
        own = {"encoders": OWN_FEATURES, "fusion": fusion, "head": "vector", **model}
        config = settings.method("rgtn", features=channel_features(SETS["S+T+N"]), model=own)
        return Arm(name, config, needs=channel_needs(SETS["S+T+N"]))

    hidden = {"channel_drop": 0.3, "channel_warmup": 10}
    without = {"encoders": {"numeric": "variational"}, "fusion": CONTROLLED, "head": "vector"}
    no_text = settings.method("rgtn", features=channel_features(("S", "N")), model=without)
    return [
        *(fused(fusion, fusion) for fusion in FUSIONS),
        *(fused(f"{fusion}, channels dropped", fusion, **hidden) for fusion in DROPPED),
        Arm("no text", no_text, needs=channel_needs(("S", "N"))),
    ]


MISSING = Study(
    "missing",
    "What do the fusions make of nodes whose text is missing or wrong?",
    _missing,
    against("concat"),
    also=later("downstream.studies.corruption:corruption_report"),
)
