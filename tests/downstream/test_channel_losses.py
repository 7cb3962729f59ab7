"""downstream.channel_losses, and the training of models with further channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference.graphs import normal
from stage_helpers import SMALL, store_synthetic

from downstream.alignment import alignment_loss
from downstream.channel_losses import ALIGNED_NODES, channel_loss
from downstream.importance import estimate
from downstream.variational import variational_loss
from nie.config import ChannelLossConfig, ImportanceConfig
from nie.errors import NieError
from nie.layers import Encoding, Fused
from nie.models import ChannelStates
from nie.recipes import load_config

MORE = {**SMALL["features"], "more": {"numeric": "relations"}}
BESIDE: dict[str, Any] = {
    "model": {
        "encoders": {"numeric": "variational"}, "fusion": "attention", "projection_size": 4, "reconstruct": True,
        "head_size": 4, "num_heads": 2,
    },
    "loss": {"alignment_weight": 0.1, "variational_weight": 0.1},
}  # fmt: skip


def states(num_nodes: int = 6) -> tuple[ChannelStates, dict[str, torch.Tensor]]:
    mask = torch.ones(num_nodes, 2, dtype=torch.bool)
    mask[0, 1] = False
    encodings = {
        "graph": Encoding(normal(num_nodes, 3)),
        "numeric": Encoding(normal(num_nodes, 3, seed=1), normal(num_nodes, 3, seed=2)),
    }
    fused = Fused(normal(num_nodes, 3), None, normal(num_nodes, 2, 3))
    decoded = {"numeric": normal(num_nodes, 5, seed=3)}
    feats = {"graph": normal(num_nodes, 2), "numeric": normal(num_nodes, 5, seed=4)}
    return ChannelStates(encodings, mask, fused, normal(num_nodes, 2, 4, seed=5), decoded), feats


def test_both_terms_with_their_weights() -> None:
    given, feats = states()
    config = ChannelLossConfig(alignment_weight=2.0, variational_weight=3.0)
    assert given.projected is not None
    there = given.mask[:, 1]
    expected = 2 * alignment_loss(given.projected, given.mask) + 3 * variational_loss(
        {"numeric": given.encodings["numeric"]}, {"numeric": there},
        features={"numeric": feats["numeric"]}, decoded=given.decoded,
    )  # fmt: skip
    torch.testing.assert_close(channel_loss(given, feats, config, torch.Generator().manual_seed(0)), expected)


def test_without_weights_nothing_is_drawn() -> None:
    given, feats = states()
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert channel_loss(given, feats, ChannelLossConfig(), generator) == 0
    assert torch.equal(generator.get_state(), before)


def test_a_large_graph_is_aligned_in_part() -> None:
    given, feats = states(ALIGNED_NODES + 50)
    config = ChannelLossConfig(alignment_weight=1.0)
    one, two = (channel_loss(given, feats, config, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert one != two


@pytest.mark.parametrize("batch", [{}, {"size": 60, "fanout": 5}])
def test_a_run_with_further_channels(batch: dict[str, int], tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    changes = {**BESIDE, "features": MORE, "batch": batch, "folds": {"run": [0]}}
    runs = [
        estimate(
            load_config(ImportanceConfig, overrides={**SMALL, **changes}), data_root=tmp_path / "data", run_root=root
        )
        for root in (tmp_path / "a", tmp_path / "b")
    ]
    one, two = (np.load(run.fold_path(0) / "predictions.npy") for run in runs)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": {"alignment_weight": 0.1}}, "alignment_weight and model.projection_size are given together"),
        ({"model": {"projection_size": 4}}, "alignment_weight and model.projection_size are given together"),
        ({"loss": {"variational_weight": 0.1}}, "variational_weight and model.reconstruct are given together"),
        ({"model": {"reconstruct": True}, "loss": {"variational_weight": 0.1}}, "decodes variational channels"),
        ({"model": {"fusion": "som"}}, "fusion"),
    ],
)
def test_settings_that_do_not_fit(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        load_config(ImportanceConfig, overrides={**SMALL, **changes})
