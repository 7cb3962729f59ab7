"""Settings that cannot work together, or not with the graph, are refused by every stage before a file is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from link_helpers import ring
from stage_helpers import SMALL_FLAGS, store_synthetic, with_labels

from downstream.methods.table import METHODS
from downstream.metrics.registry import METRICS, Metric
from downstream.stages.table import STAGES
from nie.__main__ import main
from nie.data.store import save
from nie.rank_correlation import spearman

RGTN = ["downstream", "--method", "rgtn"]
CHANNEL = ["link", "--channels", '{"text": "tfidf"}']
REFUSED = [
    (["downstream", "--method", "gat", "--model.hidden_size", "60"], "multiple of model.num_heads; got 60 and 8"),
    (["downstream", "--method", "gcn", "--model.readout", "convolution", "--loss.tier_weight", "1"],
     "loss.tier_weight needs model.readout linear"),
    (["downstream", "--method", "geni", "--model.scale_heads", "--no-model.centrality_scale"],
     "model.scale_heads is about model.centrality_scale, which is off"),
    ([*RGTN, "--model.fusion", "attention", "--model.fusion_settings", "foo=1"], "has no setting 'foo'"),
    ([*RGTN, "--model.fusion", "gated_uncertainty", "--model.fusion_settings", "alpha=2"],
     "settings of the fusion gated_uncertainty, alpha, the share of the uncertainty, must lie between 0 and 1"),
    ([*RGTN, "--model.fusion", "proxy_attention", "--model.fusion_settings", "num_heads=5"],
     "Of the settings of the fusion proxy_attention, num_heads must divide the size 64; got 5"),
    ([*RGTN, "--model.fusion", "softmax", "--model.fusion_settings", "lr=-1"],
     "settings of the fusion softmax, lr must be a finite number > 0; got -1"),
    ([*RGTN, "--model.first_channel", "semantik", "--model.first_steps", "2"],
     "first_channel names the channel 'semantik', which is not among those that features are given for (did you mean "
     "'semantic'?); these are structural, semantic."),
    ([*RGTN, "--loss.tier_weight", "1", "--loss.tier_loss", "focal", "--loss.tier_settings", "gamma=-1"],
     "Of loss.tier_settings, gamma must be at least 0"),
    ([*RGTN, "--model.centrality_scale", "--model.head", "vector"], "scales the score of a channel"),
    ([*RGTN, "--model.centrality_scale", "--features.structural", "none"],
     "centrality_scale scales the score of the channel structural, of which no features are given"),
    ([*RGTN, "--model.encoders", "foo=pregat"], "encoders names the channel 'foo', which is not among"),
    ([*RGTN, "--model.mode", "gate", "--dataset", "one", "--no-graph.self_loops", "--no-graph.inverse_relations"],
     "needs two of them"),
    ([*RGTN, "--model.projection_size", "4"], "must be given together"),
    ([*RGTN, "--select", "ndcg@100"], "26 validation nodes"),
    ([*RGTN, "--select_value", "over@50"], "26 validation nodes"),
    ([*RGTN, "--select", "own"], "30 validation nodes"),
    ([*RGTN, "--dataset", "equal"], "all equal"),
    ([*RGTN, "--dataset", "equal", "--select", "own_rank"], "own_rank is not defined on them"),
    ([*RGTN, "--dataset", "equal", "--select", "rmse", "--loss.tier_weight", "1"], "training labels is in tier"),
    ([*RGTN, "--dataset", "equal", "--select", "rmse", "--select_value", "macro_f1"], "training labels is in tier"),
    ([*RGTN, "--loss.tier_weight", "1", "--loss.importance_weight", "0"], "select macro_f1 or balanced_accuracy"),
    (["downstream", "--method", "ridge", "--pretrained", "nowhere"], "not a run directory"),
    (["pretrain", "--loss.gamma", "0.001"], "rounds to 0 top nodes"),
    (["pretrain", "--batch.size", "4"], "batch.size 4 is too small"),
    (["pretrain", "--channels", "semantic", "--features.semantic", "none"], "none of the channels semantic"),
    (["pretrain", "--model.relations.learn_weights"], "both 0"),
    ([*CHANNEL, "--model.fusion", "attention", "--model.fusion_settings", "foo=1"], "has no setting 'foo'"),
    ([*CHANNEL, "--model.fusion", "proxy_attention", "--model.fusion_settings", "num_heads=5"], "num_heads"),
    (["link", "--hold_out_relations", "0.1", "--model.relations.text", "tfidf", "--no-model.relations.learned"],
     "fewer than two"),
    (["link", "--valid_at_least", "200"], "ask for fewer"),
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of each kind: whole, with one relation, with equal labels, and with links to predict."""
    root = tmp_path_factory.mktemp("data")
    kg = store_synthetic(root)
    one = replace(kg, name="one", etype=np.zeros_like(kg.etype), relation_names=["cites"])
    save(one, root / "one" / "processed")
    equal = with_labels(kg, np.where(kg.label_mask, 5.0, np.nan))
    save(replace(equal, name="equal"), root / "equal" / "processed")
    ring(root)
    return root


@pytest.fixture(autouse=True)
def metrics_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered is refused like what is there: by its fields, and by no name."""
    monkeypatch.setitem(METRICS, "own", Metric("OWN", True, spearman, min_nodes=30, selectable=True))
    needs = Metric("OWN", True, spearman, ranks=True, needs_different_labels=True, selectable=True)
    monkeypatch.setitem(METRICS, "own_rank", needs)


@pytest.mark.parametrize(("command", "message"), REFUSED, ids=[" ".join(command[:7]) for command, _ in REFUSED])
def test_it_is_refused_and_nothing_is_written(
    command: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, *flags = command
    recipe, dataset = ("rotate", "links") if stage == "link" else ("fast", "synthetic")
    shared = [] if stage == "link" else [*SMALL_FLAGS[:4], "--folds.run", "0"]
    roots = ["--data-root", str(data), "--run-root", str(tmp_path / "runs"), "--quiet"]
    assert main([stage, "--recipe", recipe, "--dataset", dataset, *shared, *flags, *roots]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_every_stage_is_among_them() -> None:
    assert {command[0] for command, _ in REFUSED} == {stage.command for stage in STAGES.values()}


def test_a_metric_of_tiers_of_ones_own_chooses_epochs_of_tiers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "own_tiers", Metric("OWN", True, of_tiers=True, selectable=True))
    settings = METHODS["rgtn"].settings
    loss = {"tier_weight": 1.0, "importance_weight": 0.0}
    assert settings.model_validate({"dataset": "geo", "select": "own_tiers", "loss": loss})
