"""downstream.methods.network: every network is trained on blocks, on importance and tiers together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate

NETWORKS = [name for name, method in METHODS.items() if method.build is not None]
PREGAT = {"encoders": {"semantic": "pregat"}}


@pytest.mark.parametrize(
    ("name", "model"),
    [*((name, {}) for name in NETWORKS), *(("rgtn", {**PREGAT, "num_layers": layers}) for layers in (1, 2, 3))],
    ids=str,
)
def test_a_network_learns_importance_and_tiers_on_blocks(name: str, model: dict[str, Any], tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    config = small(
        name,
        model=model,
        folds={"run": [0]},
        batch={"size": 60, "fanout": 3},
        loss={"tier_weight": 1.0},
        select="macro_f1",
        optim={"max_epochs": 2},
    )
    run = estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert np.isfinite(run.predictions(0, 300)).all()
    np.testing.assert_allclose(np.load(run.fold_path(0) / "tiers.npy").sum(axis=1), 1, rtol=1e-5)
