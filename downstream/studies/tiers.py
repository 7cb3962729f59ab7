"""The study of tiers of importance."""

from __future__ import annotations

from typing import Any

from downstream.losses.table import TIER_LOSSES
from downstream.metrics.registry import TIER_METRICS
from downstream.studies.channels import against
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study

CUT = "regress, then cut"


def _tiers(settings: Settings) -> list[Arm]:
    def rgtn(**loss: Any) -> Any:
        return settings.method("rgtn", select="macro_f1", loss=loss)

    return [
        Arm(CUT, rgtn()),
        *(Arm(kind, rgtn(tier_weight=1.0, tier_loss=kind)) for kind in TIER_LOSSES),
        Arm("cross_entropy alone", rgtn(tier_weight=1.0, importance_weight=0.0)),
        Arm("boosting, then cut", settings.method("boosting")),
    ]


TIER_STUDY = {
    "tiers": Study(
        "How are tiers of importance (top 1 %, 10 %, 50 %, rest) best predicted?",
        _tiers,
        against(CUT),
        tested=("macro_f1", "spearman"),
        columns=(*TIER_METRICS, "spearman"),
    ),
}
