"""The names of the losses that settings choose from, each list once; torch is not needed to read them."""

from __future__ import annotations

from typing import Literal, get_args

TierLossName = Literal["cross_entropy", "focal", "balanced_focal", "smoothing", "focal_smoothing", "ordinal"]
AlignmentName = Literal["combined", "neighbourhood", "contrastive", "cosine_mse"]

TIER_LOSSES: tuple[str, ...] = get_args(TierLossName)
ALIGNMENTS: tuple[str, ...] = get_args(AlignmentName)
