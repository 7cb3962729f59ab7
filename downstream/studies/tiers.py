"""The study of tiers of importance."""

from __future__ import annotations

from typing import Any

from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study, against

CUT = "regress, then cut"
LOSSES: tuple[str, ...] = (
    "cross_entropy", "focal", "balanced_focal", "smoothing", "focal_smoothing", "ordinal",
)  # fmt: skip


def _tiers(settings: Settings) -> list[Arm]:
    def rgtn(**loss: Any) -> Any:
        return settings.method("rgtn", select="macro_f1", loss=loss)

    return [
        Arm(CUT, rgtn()),
        *(Arm(kind, rgtn(tier_weight=1.0, tier_loss=kind)) for kind in LOSSES),
        Arm("cross_entropy alone", rgtn(tier_weight=1.0, importance_weight=0.0)),
        Arm("boosting, then cut", settings.method("boosting")),
    ]


TIERS = Study(
    "tiers",
    "How are tiers of importance (top 1 %, 10 %, 50 %, rest) best predicted?",
    _tiers,
    against(CUT),
    tested=("macro_f1", "spearman"),
    columns=("macro_f1", "balanced_accuracy", "top_precision", "top_recall", "calibration_error", "spearman"),
)
