"""The settings of the losses of tiers, of alignment and of variances, and the shares of the tiers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.stages.estimation import estimate
from nie.errors import NieError

TIERS = {"tier_weight": 1.0, "tier_loss": "focal"}


def run(root: Path, **changes: Any) -> Any:
    config = small("rgtn", device="cpu", folds={"run": [0]}, optim={"max_epochs": 1}, **changes)
    return estimate(config, data_root=root, run_root=root / "runs")


def test_tiers_of_other_shares_with_a_weight_for_each(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    made = run(tmp_path, tier_shares=[0.05, 0.2], loss={**TIERS, "tier_settings": {"gamma": 1.5, "alpha": [2, 1, 0.5]}})
    assert np.load(made.fold_path(0) / "tiers.npy").shape[1] == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": {**TIERS, "tier_settings": {"alpha": [1, 2]}}}, r"alpha must be 4 numbers.*got \[1.0, 2.0\]"),
        ({"loss": {**TIERS, "tier_settings": {"gamma": -1}}}, "gamma must be at least 0; got -1"),
        ({"loss": {**TIERS, "tier_settings": {"gamma": [1, 2]}}}, "tier_settings cannot be used"),
        ({"loss": {**TIERS, "tier_settings": {"gama": 1}}}, "no setting 'gama'.*did you mean 'gamma'"),
        ({"loss": {"tier_settings": {"alpha": [1]}}}, "give tier_weight, too"),
        ({"loss": {"tier_loss": "focal"}}, "give tier_weight, too"),
        ({"loss": {"listwise_weight": 0.0, "listwise": "lambda"}}, "give listwise_weight, too"),
        ({"loss": {"alignment": "contrastive"}}, "give alignment_weight, too"),
        ({"model": {"channel_warmup": 3}}, "which is 0; give both"),
        ({"model": {"attention": "global", "mode": "add"}}, "attention global has none of"),
        ({"loss": {"alignment_settings": {"temperature": 1}}}, "give alignment_weight too"),
        ({"loss": {"variational_settings": {"prior_weight": 1}}}, "give variational_weight too"),
        (
            {"loss": {"variational_weight": 1.0, "variational_settings": {"prior_weight": -1}}},
            "or equal to 0",
        ),
        (
            {
                "model": {"projection_size": 4},
                "loss": {"alignment_weight": 1.0, "alignment_settings": {"ratios": [0.5, 0.6, 0.2]}},
            },
            "sum to 1",
        ),
        ({"tier_shares": [0.5, 0.2]}, "shares must ascend between 0 and 1"),
        (
            {"model": {"fusion": "softmax", "fusion_settings": {"weights": [1, 2, 3]}}},
            "must be 2 positive",
        ),
        ({"model": {"activate_mixture": True, "head": "vector"}}, "use it with model.head channels"),
    ],
)
def test_bad_settings_are_told_before_anything_is_written(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    with pytest.raises(NieError, match=words):
        run(tmp_path, **changes)
    assert not (tmp_path / "runs").exists()
