"""downstream.methods.training_loss, and the training of models with further channels and heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference.graphs import normal
from stage_helpers import SMALL, store_synthetic
from torch.nn import functional as F

from downstream.losses.alignment import alignment_loss, cosine_mse_loss, modality_contrastive_loss
from downstream.losses.importance import importance_loss
from downstream.losses.variational import variational_loss
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from downstream.methods.training_loss import ALIGNED_NODES, TrainingLoss
from downstream.metrics.tiers import tier_borders, tier_of
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.data import synthetic
from nie.errors import NieError
from nie.layers import Encoding, Fused
from nie.models import ChannelStates, ImportanceScores
from nie.runs.files import read_json
from pretrain.inputs import NodeInputs, prepare

MORE = {**SMALL["features"], "more": {"numeric": "relations"}}
BESIDE: dict[str, Any] = {
    "model": {
        "encoders": {"numeric": "variational"}, "fusion": "attention", "projection_size": 4, "reconstruct": True,
        "head_size": 4, "num_heads": 2,
    },
    "loss": {"alignment_weight": 0.1, "variational_weight": 0.1},
}  # fmt: skip
N = 300  # nodes of the synthetic graph


def network(root: Path, **changes: Any) -> tuple[FoldNetwork, NodeInputs]:
    store_synthetic(root)
    config = IMPORTANCE.recipes.resolve(overrides={**SMALL, "device": "cpu", **changes})  # as what is made below
    assert isinstance(config, NetworkConfig)
    inputs = prepare(config, data_root=root)
    return FoldNetwork.of(FoldWork.of(METHODS[config.method], config, inputs, inputs.folds[0])), inputs


def made_scores(num_nodes: int = N, tiers: int = 0) -> tuple[ImportanceScores, dict[str, torch.Tensor]]:
    mask = torch.ones(num_nodes, 2, dtype=torch.bool)
    mask[:5, 1] = False
    encodings = {
        "graph": Encoding(normal(num_nodes, 3)),
        "numeric": Encoding(normal(num_nodes, 3, seed=1), normal(num_nodes, 3, seed=2)),
    }
    fused = Fused(normal(num_nodes, 3), None, normal(num_nodes, 2, 3))
    feats = {"graph": normal(num_nodes, 2), "numeric": normal(num_nodes, 5, seed=4)}
    decoded = {"numeric": normal(num_nodes, 5, seed=3)}
    states = ChannelStates(encodings, mask, fused, normal(num_nodes, 2, 4, seed=5), decoded)
    logits = normal(num_nodes, tiers, seed=6) if tiers else None
    return ImportanceScores(normal(num_nodes, seed=7), normal(num_nodes, 2, seed=8), states, logits), feats


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_all_terms_with_their_weights(tmp_path: Path) -> None:
    loss = {
        "alignment_weight": 2.0, "variational_weight": 3.0, "importance_weight": 5.0, "tier_weight": 7.0,
        "listwise_weight": 0.0, "tier_loss": "cross_entropy",
    }  # fmt: skip
    given, inputs = network(tmp_path, loss=loss, model=BESIDE["model"], features=MORE)
    scores, feats = made_scores(tiers=4)
    assert scores.states is not None
    assert scores.states.projected is not None
    assert scores.tier_logits is not None
    assert given.tiers is not None
    rows = torch.arange(len(given.train))
    at, states = given.train, scores.states
    fold = inputs.folds[0]
    known = np.setdiff1d(np.arange(N), np.concatenate([fold.val, fold.test]))
    there = states.mask[:, 1] & given.known
    expected = (
        5 * importance_loss(scores.score[at], scores.by_channel[at], given.labels, rows[:, None], channel_weight=0.5)
        + 7 * F.cross_entropy(scores.tier_logits[at], given.tiers)
        + 2 * alignment_loss(states.projected[known], states.mask[known])
        + 3
        * variational_loss(
            {"numeric": states.encodings["numeric"]},
            {"numeric": there},
            features={"numeric": feats["numeric"]},
            decoded=states.decoded,
        )
    )
    torch.testing.assert_close(TrainingLoss(given, generator())(scores, feats, rows), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "expected"), [("contrastive", modality_contrastive_loss), ("cosine_mse", cosine_mse_loss)]
)
def test_the_kinds_of_alignment(kind: str, expected: Any, tmp_path: Path) -> None:
    loss = {"alignment_weight": 1.0, "alignment": kind}
    given, _ = network(tmp_path, loss=loss, model={"projection_size": 4})
    scores, feats = made_scores()
    rows = torch.arange(len(given.train))
    plain = TrainingLoss(given, generator())
    without = ImportanceScores(scores.score, scores.by_channel)
    assert scores.states is not None
    assert scores.states.projected is not None
    projected, mask = scores.states.projected[given.known], scores.states.mask[given.known]
    states = ChannelStates(
        scores.states.encodings, scores.states.mask, scores.states.fused, scores.states.projected, {}
    )
    whole = ImportanceScores(scores.score, scores.by_channel, states)
    difference = plain(whole, feats, rows) - TrainingLoss(given, generator())(without, feats, rows)
    torch.testing.assert_close(difference, expected(projected, mask), rtol=1e-5, atol=1e-5)


def test_neighbours_count_as_partly_the_same(tmp_path: Path) -> None:
    losses = []
    for kind in ("combined", "neighbourhood"):
        loss = {"alignment_weight": 1.0, "alignment": kind}
        given, _ = network(tmp_path / kind, loss=loss, model={"projection_size": 4})
        scores, feats = made_scores()
        losses.append(float(TrainingLoss(given, generator())(scores, feats, torch.arange(len(given.train)))))
    assert losses[0] != losses[1]


def test_without_projections_nothing_is_drawn_to_align(tmp_path: Path) -> None:
    given, _ = network(tmp_path)
    scores, feats = made_scores()
    bare = ImportanceScores(scores.score, scores.by_channel)
    states = []
    for one in (bare, scores):
        drawing = generator()
        if one.states is not None:
            one = ImportanceScores(
                one.score, one.by_channel, ChannelStates({}, one.states.mask, one.states.fused, None, {})
            )
        TrainingLoss(given, drawing)(one, feats, torch.arange(len(given.train)))
        states.append(drawing.get_state())
    assert torch.equal(*states)


def test_without_a_listwise_term_no_lists_are_made_and_later_draws_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []
    for weight in (0.3, 0.0):
        if not weight:
            monkeypatch.delattr("downstream.losses.lists.draw_lists")
        given, _ = network(tmp_path / str(weight), method="gcn", loss={"listwise_weight": weight})
        scores, feats = made_scores()
        drawing = generator()
        TrainingLoss(given, drawing)(scores, feats, torch.arange(len(given.train)))
        states.append(drawing.get_state())
    assert torch.equal(*states)
    TrainingLoss(given, drawing)(scores, feats, torch.arange(1))  # a batch may have a single training node


def test_a_large_graph_is_aligned_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ALIGNED_NODES < 5000
    monkeypatch.setattr("downstream.methods.training_loss.ALIGNED_NODES", 10)
    given, _ = network(tmp_path, loss={"alignment_weight": 1.0, "listwise_weight": 0.0}, model={"projection_size": 4})
    scores, feats = made_scores()
    rows = torch.arange(len(given.train))
    one, two = (TrainingLoss(given, torch.Generator().manual_seed(seed))(scores, feats, rows) for seed in (0, 1))
    assert one != two


@pytest.mark.parametrize("kind", ["cross_entropy", "balanced_focal", "ordinal"])
def test_a_run_that_learns_tiers(kind: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    loss = {"tier_weight": 1.0, "tier_loss": kind}
    config = IMPORTANCE.recipes.resolve(
        overrides={**SMALL, "folds": {"run": [0]}, "loss": loss, "select": "macro_f1", "members": 2}
    )
    run = estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    figures = read_json(run.fold_path(0) / "metrics.json")
    assert 0 < figures["test"]["macro_f1"] <= 1
    probability = np.load(run.fold_path(0) / "tiers.npy")
    assert probability.shape == (N, 4)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)


def test_tiers_alone_give_importance_by_their_mean_labels(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path / "data")
    loss = {"tier_weight": 1.0, "importance_weight": 0.0}
    config = IMPORTANCE.recipes.resolve(overrides={**SMALL, "folds": {"run": [0]}, "loss": loss, "select": "macro_f1"})
    run = estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    train, probability = run.split(0)["train"], np.load(run.fold_path(0) / "tiers.npy")
    of = tier_of(kg.targets[train], tier_borders(kg.targets[train]))
    means = np.array([kg.targets[train][of == tier].mean() for tier in range(4)])
    np.testing.assert_allclose(run.predictions(0, N), probability @ means, rtol=1e-4)


def test_labels_without_tiers_are_refused_before_training(tmp_path: Path) -> None:
    from stage_helpers import with_labels

    from nie.data.store import save

    kg = synthetic(0)
    save(with_labels(kg, np.where(kg.label_mask, 1.0 + (np.arange(N) % 2), np.nan)), tmp_path / kg.name / "processed")
    config = IMPORTANCE.recipes.resolve(overrides={**SMALL, "select": "macro_f1"})
    with pytest.raises(NieError, match=r"labels is in tier \d"):
        estimate(config, data_root=tmp_path, run_root=tmp_path / "runs")


@pytest.mark.parametrize("batch", [{}, {"size": 60, "fanout": 5}])
def test_a_run_with_further_channels(batch: dict[str, int], tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    changes = {**BESIDE, "features": MORE, "batch": batch, "folds": {"run": [0]}}
    runs = [
        estimate(IMPORTANCE.recipes.resolve(overrides={**SMALL, **changes}), data_root=tmp_path / "data", run_root=root)
        for root in (tmp_path / "a", tmp_path / "b")
    ]
    one, two = (np.load(run.fold_path(0) / "predictions.npy") for run in runs)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": {"alignment_weight": 0.1}}, "alignment_weight and model.projection_size must be given together"),
        ({"model": {"projection_size": 4}}, "alignment_weight and model.projection_size must be given together"),
        ({"loss": {"importance_weight": 0.0}}, "leaves nothing to learn"),
        ({"loss": {"importance_weight": 0.0, "tier_weight": 1.0}}, "choose epochs by select macro_f1"),
        ({"loss": {"variational_weight": 0.1}}, "needs variances: a fusion by uncertainty"),
        ({"model": {"reconstruct": True, "encoders": {"semantic": "variational"}}}, "by which its decoders learn"),
        (
            {"model": {"reconstruct": True, "fusion": "uncertainty"}, "loss": {"variational_weight": 0.1}},
            "decodes variational channels",
        ),
        ({"model": {"fusion": "som"}}, "fusion"),
    ],
)
def test_settings_that_do_not_fit(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        IMPORTANCE.recipes.resolve(overrides={**SMALL, **changes})


def test_one_channel_alone_is_not_aligned_and_nothing_is_written(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    changes = {
        "features": {"semantic": "none"}, "loss": {"alignment_weight": 0.1}, "model": {"projection_size": 4},
    }  # fmt: skip
    config = IMPORTANCE.recipes.resolve(overrides={**SMALL, **changes})
    with pytest.raises(NieError, match="has the channel structural alone"):
        estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert not list((tmp_path / "runs").rglob("fold*"))


def test_nodes_to_be_found_later_are_not_drawn_together(tmp_path: Path) -> None:
    """The cross term of the variational loss, and the alignment, leave validation and test nodes alone."""
    encoders = {"numeric": "variational", "semantic": "variational"}
    loss = {"alignment_weight": 1.0, "variational_weight": 1.0}
    model = {"encoders": encoders, "projection_size": 4}
    given, inputs = network(tmp_path, loss=loss, model=model, features=MORE)
    scores, feats = made_scores()
    assert scores.states is not None
    inner = [encoding.mean.requires_grad_() for encoding in scores.states.encodings.values()]
    assert scores.states.projected is not None
    inner.append(scores.states.projected.requires_grad_())
    TrainingLoss(given, generator())(scores, feats, torch.arange(len(given.train))).backward()
    hidden = np.concatenate([inputs.folds[0].val, inputs.folds[0].test])
    for part in inner[1:]:
        assert part.grad is not None
        assert part.grad.abs().sum() > 0
        assert part.grad[hidden].abs().sum() == 0
