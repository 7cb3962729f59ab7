"""downstream.answers.feature_columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import opened, small

from downstream.answers.explanation import explain
from downstream.answers.feature_columns import feature_columns
from downstream.methods.fold_work import FoldWork
from downstream.methods.table import METHODS
from nie.data import Channel
from pretrain.inputs import prepare


def test_every_column_is_known_by_its_feature(root: Path) -> None:
    config = small("ridge")
    inputs = prepare(config, data_root=root)
    work = FoldWork.of(METHODS["ridge"], config, inputs, inputs.folds[0])
    structural, degrees = work.channels["structural"]
    expected = ["structural"] * structural.features.shape[1] + ["degrees"] * 2
    assert feature_columns(work)["structural"] == expected
    nodes = inputs.kg.num_nodes
    embedding = Channel(np.zeros((nodes, 3), np.float32), np.ones(nodes, bool))
    channels = {**work.channels, "structural": (embedding, degrees), "pretrained_semantic": (embedding,)}
    columns = feature_columns(replace(work, channels=channels))
    assert columns["structural"] == ["pretrained"] * 3 + ["degrees"] * 2
    assert columns["pretrained_semantic"] == ["pretrained"] * 3


def test_a_shown_label_is_a_feature_of_its_own(root: Path) -> None:
    trained = opened(root, "sgc", folds={"run": [0]}, optim={"max_epochs": 3}, shown_labels=0.5)
    tested, learned = (int(trained.run.split(0)[part][0]) for part in ("test", "train"))
    for node in (tested, learned):
        found = explain(trained, trained.kg.node_names[node])
        shown = found.features["structural"]["shown label"]
        assert (shown == 0) == (node == tested)
        assert sum(found.sum.values()) == pytest.approx(found.score)
