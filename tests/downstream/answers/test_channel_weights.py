"""How much each channel counts in a score: downstream.answers.channel_weights, nie predict --channel-weights."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import run_quietly, small

from downstream.answers.channel_weights import channel_weights
from downstream.answers.trained import TrainedRun
from downstream.stages.estimation import estimate
from nie.errors import NieError


def test_the_command_writes_a_column_for_each_channel(root: Path) -> None:
    run = estimate(small("rgtn", optim={"max_epochs": 2}), data_root=root, run_root=root / "runs")
    out = root / "scores.csv"
    asked = ["predict", str(run.path), "--out", str(out), "--channel-weights"]
    assert run_quietly(asked, root, root / "runs")[0] == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-2:] == ["weight_structural", "weight_semantic"]
    shares = np.array([[float(row["weight_structural"]), float(row["weight_semantic"])] for row in rows])
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert shares.min() >= 0
    assert shares.std() > 0


def test_weights_are_the_mean_over_the_models_behind_a_score(root: Path) -> None:
    run = estimate(small("rgtn", optim={"max_epochs": 2}), data_root=root, run_root=root / "runs")
    trained = TrainedRun.open(run, data_root=root)
    found = channel_weights(trained)["structural"]
    of_fold = []
    for fold in (0, 1):
        (network,) = trained.networks_of(fold)
        outputs = network.given.outputs(network.model, network.given.predicting)
        assert outputs.channel_weights is not None
        score = (outputs.channel_weights * outputs.by_channel).sum(1)
        assert score.detach().numpy() == pytest.approx(outputs.score.detach().numpy(), abs=1e-5)
        of_fold.append(outputs.channel_weights[:, 0].detach().numpy())
    test = run.split(1)["test"]
    assert found[test] == pytest.approx(of_fold[1][test], abs=1e-6)
    untested = np.setdiff1d(np.arange(trained.kg.num_nodes), [*test, *run.split(0)["test"]])
    assert found[untested] == pytest.approx(np.mean(of_fold, axis=0)[untested], abs=1e-6)


def test_a_fusion_with_weights_gives_them_to_a_head_of_vectors(root: Path) -> None:
    model = {"head": "vector", "fusion": "attention"}
    config = small("rgtn", optim={"max_epochs": 2}, folds={"run": [0]}, model=model)
    run = estimate(config, data_root=root, run_root=root / "runs")
    found = channel_weights(TrainedRun.open(run, data_root=root))
    assert sum(found.values()) == pytest.approx(1, abs=1e-6)


def test_a_network_that_weighs_no_channels_is_refused(root: Path) -> None:
    run = estimate(small("gcn", optim={"max_epochs": 2}), data_root=root, run_root=root / "runs")
    with pytest.raises(NieError, match="is a run of gcn that does not weigh its channels; ask a run of rgtn"):
        channel_weights(TrainedRun.open(run, data_root=root))
