"""downstream.methods.network: every network is trained on blocks, on importance and tiers together."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import SMALL, small, store_synthetic

import nie.training.memory_plan
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.errors import NieError
from nie.inputs.feature_rows import FeatureRows
from pretrain.inputs import NodeInputs
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING

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


@pytest.mark.parametrize("memory", [None, "4G"])
def test_features_that_are_not_held_make_the_same_run(
    memory: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_synthetic(tmp_path)
    asked = {"batch": {"size": 60, "fanout": 3}} if memory is None else {"memory": memory}
    settings = {**SMALL, "folds": {"run": [0]}, "optim": {"max_epochs": 2}, **asked}
    reading, made = [], []
    read = FeatureRows.read
    monkeypatch.setattr(FeatureRows, "read", lambda own, ids: reading.append(1) or read(own, ids))
    for name in ("rows", "held"):
        if name == "held":
            monkeypatch.setattr(NodeInputs, "rows", NodeInputs.tensor)
        roots = {"data_root": tmp_path, "run_root": tmp_path / name}
        stage1 = pretrain(PRETRAINING.recipes.resolve(overrides={**settings, "loss": {"gamma": 0.2}}), **roots)
        stage2 = estimate(small("rgtn", **{**settings, "optim": {"max_epochs": 2}}), **roots)
        files = [file for run in (stage1, stage2) for file in sorted(run.fold_path(0).rglob("*.npy"))]
        made.append([(file.name, file.read_bytes()) for file in files])
        assert bool(reading) == (name == "rows")
        reading.clear()
    assert made[0] == made[1]


@pytest.mark.parametrize("memory", ["4G", "4M"])
def test_a_network_trains_within_a_memory(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nie.training.memory_plan, "PROGRAM", 0)
    store_synthetic(tmp_path / "data")
    config = small("rgcn", folds={"run": [0]}, memory=memory, optim={"max_epochs": 2})
    with caplog.at_level(logging.INFO, logger="nie"):
        run = estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert np.isfinite(run.predictions(0, 300)).all()
    assert f"rgcn fold 0: {memory} of memory" in caplog.text
    assert ("the whole graph, whose" in caplog.text) == (memory == "4G")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"memory": "lots"}, "a number above 0 and a unit"),
        ({"batch": {"size": 60}}, "picks the batches itself.*batch.sampler"),
    ],
)
def test_a_memory_that_means_nothing_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(NieError, match=message):
        small("rgtn", **{"memory": "4G", **settings})


def test_all_training_nodes_at_once_train_as_the_whole_graph_does(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    made = []
    for batch in ({}, {"size": 1000}):
        config = small("rgcn", model={"feat_drop": 0.0}, folds={"run": [0]}, batch=batch, optim={"max_epochs": 3})
        made.append(estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs").predictions(0, 300))
    np.testing.assert_allclose(*made, rtol=1e-4, atol=1e-4)
