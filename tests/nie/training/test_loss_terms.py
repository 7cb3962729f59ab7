"""nie.training.loss_terms: every term of a loss stands in the curves by its name, and they add up to the loss."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from link_helpers import TINY, ring
from stage_helpers import SMALL, small, store_synthetic
from torch import nn

import nie.progress
from downstream.reports.figures import loss_terms
from downstream.stages.estimation import estimate
from downstream.stages.links.prediction import predict_links
from downstream.stages.links.stage import LINKS
from nie.runs.run import Run
from nie.settings.sections import OptimConfig
from nie.training.loop import fit
from nie.training.loss_terms import term
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING

EPOCHS: dict[str, Any] = {"max_epochs": 3}


def curves(run: Run, name: str = "curves.csv") -> list[dict[str, float]]:
    with (run.fold_path(0) / name).open(encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


def check_sum(rows: list[dict[str, float]], weights: dict[str, float]) -> None:
    """The terms that have a weight add up to the loss, in every epoch."""
    for row in rows:
        assert row["loss"] == pytest.approx(sum(w * row[f"loss/{name}"] for name, w in weights.items()), rel=1e-5)


def test_stage_1_tells_the_two_contrasts_of_licap_apart(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    loss = {"eta1": 1.0, "eta2": 0.5}
    config = PRETRAINING.recipes.resolve(
        overrides={**SMALL, "folds": {"run": [0]}, "optim": EPOCHS, "loss": loss, "channels": ["structural"]}
    )
    rows = curves(pretrain(config, data_root=tmp_path, run_root=tmp_path / "runs"), "structural/curves.csv")
    check_sum(rows, {"L1": 1.0, "L2": 0.5})
    assert "licap" in rows[0]  # what the epoch is picked by is called by the objective
    config = PRETRAINING.recipes.resolve(
        overrides={**SMALL, "folds": {"run": [0]}, "optim": EPOCHS, "loss": {"squared_error": 0.1}}
    )
    rows = curves(pretrain(config, data_root=tmp_path, run_root=tmp_path / "runs"), "semantic/curves.csv")
    check_sum(rows, {"licap": 1.0, "regression": 0.1})
    assert "licap and regression" in rows[0]


def test_stage_2_names_every_term_and_reports_draw_them(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'nie[report]'")
    store_synthetic(tmp_path)
    config = small(
        "rgtn", folds={"run": [0]}, optim=EPOCHS, device="cpu",
        model={"projection_size": 4, "reconstruct": True, "encoders": {"semantic": "variational"}},
        loss={"channel_weight": 0.4, "listwise_weight": 0.3, "tier_weight": 0.2, "contrast_weight": 0.1,
              "alignment_weight": 0.05, "variational_weight": 0.01},
    )  # fmt: skip
    run = estimate(config, data_root=tmp_path, run_root=tmp_path / "runs")
    rows = curves(run)
    check_sum(rows, {
        "regression": 0.6, "channels": 0.4, "listwise": 0.3, "tiers": 0.2, "contrast": 0.1, "alignment": 0.05,
        "variational": 0.01,
    })  # fmt: skip
    for row in rows:
        parts = [row[f"loss/{kind} structural-semantic"] for kind in ("contrastive", "feature", "semantic")]
        assert row["loss/alignment"] == pytest.approx(0.5 * parts[0] + 0.3 * parts[1] + 0.2 * parts[2], rel=1e-5)
        assert row["loss/variational"] == pytest.approx(row["loss/KL"] + row["loss/reconstruction"], rel=1e-5)
    figure = loss_terms({"rgtn": run})
    assert figure is not None
    (axis,) = figure.axes
    assert {"regression", "listwise", "contrastive structural-semantic"} <= {line.get_label() for line in axis.lines}


def test_link_prediction_names_the_terms_of_each_pair_of_channels(tmp_path: Path) -> None:
    ring(tmp_path)
    config = LINKS.recipes.resolve(overrides={
        **TINY, "device": "cpu", "optim": {"max_epochs": 2, "eval_every": 2, "patience": 2},
        "channels": {"text": "tfidf"}, "model": {"size": 8, "projection_size": 4},
        "loss": {"auxiliary": "cosine_mse", "auxiliary_weight": 0.3},
    })  # fmt: skip
    rows = curves(predict_links(config, data_root=tmp_path, run_root=tmp_path / "runs"))
    check_sum(rows, {"triples": 1.0, "auxiliary": 0.3})
    for row in rows:
        parts = row["loss/cosine structural-text"] + row["loss/MSE structural-text"]
        assert row["loss/auxiliary"] == pytest.approx(parts, rel=1e-5)


def test_the_line_of_progress_shows_the_terms(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nie.progress, "LINE_EVERY_S", 0.0)
    model = nn.Linear(1, 1)

    def loss() -> torch.Tensor:
        return term("fit", model(torch.ones(2, 1)).square().mean()) + 0.5 * term("size", model.weight.square().sum())

    with caplog.at_level(logging.INFO, logger="nie"):
        history, _ = fit(
            model, lambda: [loss(), loss()], lambda: {"loss": loss().item()}, select={"loss": False},
            optim=OptimConfig(max_epochs=2),
        )  # fmt: skip
    assert "fit " in caplog.messages[-1]
    assert "size " in caplog.messages[-1]
    for row in history.rows:  # of several steps, the mean; what is computed to monitor is not counted
        assert {"loss/fit", "loss/size"} <= set(row)
