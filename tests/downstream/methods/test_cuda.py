"""The network of every method on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from stage_helpers import small, store_synthetic

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from pretrain.inputs import prepare

NETWORKS = [name for name, method in METHODS.items() if method.build is not None]


@pytest.mark.cuda
@pytest.mark.parametrize("batch", [{}, {"size": 60, "fanout": 3}], ids=["whole", "blocks"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trains_on_the_gpu_and_predicts_as_it_would_on_the_cpu(
    name: str, batch: dict[str, int], tmp_path: Path
) -> None:
    store_synthetic(tmp_path / "data")
    changes = {"folds": {"run": [0]}, "optim": {"max_epochs": 1}, "batch": batch}
    run = estimate(small(name, device="cuda", **changes), data_root=tmp_path / "data", run_root=tmp_path / "runs")
    config = small(name, device="cpu", **changes)
    inputs = prepare(config, data_root=tmp_path / "data")
    given = FoldNetwork.of(FoldWork.of(METHODS[config.method], config, inputs, inputs.folds[0]))
    with torch.no_grad():
        score = given.outputs(given.trained(run, 0), given.predicting).score
    np.testing.assert_allclose(score.double() + given.centre, run.ranking_scores(0, 300), rtol=0, atol=1e-4)
