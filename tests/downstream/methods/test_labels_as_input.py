"""downstream.methods.labels_as_input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from stage_helpers import small, store_synthetic

from downstream.methods.fold_work import FoldWork
from downstream.methods.labels_as_input import ShownLabels
from downstream.methods.network import check_network
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.errors import NieError
from pretrain.inputs import prepare

FEATS = {"structural": torch.arange(12.0).view(6, 2), "semantic": torch.ones(6, 1)}
TRAIN, LABELS = torch.tensor([1, 2, 4, 5]), torch.tensor([1.0, -1.0, 2.0, -2.0])


def test_an_epoch_learns_from_exactly_the_nodes_whose_labels_it_hides() -> None:
    shown, generator = ShownLabels(6, TRAIN, LABELS, 0.5), torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(20):
        given, hidden = shown.draw(FEATS, generator)
        columns = given["structural"][:, 2:]
        visible = columns[:, 1].nonzero().flatten().tolist()
        assert sorted([*visible, *TRAIN[hidden].tolist()]) == TRAIN.tolist()
        assert len(hidden) == 2
        assert columns[TRAIN[hidden]].abs().sum() == 0
        assert torch.equal(given["structural"][:, :2], FEATS["structural"])
        assert given["semantic"] is FEATS["semantic"]
        seen.add(tuple(hidden.tolist()))
    assert len(seen) > 3


def test_a_prediction_shows_all_training_labels_and_no_other() -> None:
    columns = ShownLabels(6, TRAIN, LABELS, 0.5).everything(FEATS)["structural"][:, 2:]
    assert columns[TRAIN].tolist() == [[label, 1.0] for label in LABELS.tolist()]
    assert columns[[0, 3]].abs().sum() == 0


def test_at_least_one_label_is_shown_and_one_hidden() -> None:
    for share in (0.01, 0.99):
        _, hidden = ShownLabels(6, TRAIN, LABELS, share).draw(FEATS, torch.Generator())
        assert 1 <= len(hidden) <= 3


def test_too_few_hidden_labels_are_refused_by_the_name_of_the_setting(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    for share in (0.999, 0.99):
        config = small("mlp", shown_labels=share, folds={"run": [0]}, optim={"max_epochs": 1})
        inputs = prepare(config, data_root=tmp_path)
        work = FoldWork.of(METHODS["mlp"], config, inputs, inputs.folds[0])
        if len(work.fold.train) - round(share * len(work.fold.train)) < 2:
            with pytest.raises(NieError, match=r"shown_labels 0.999 leaves 1 of 187"):
                check_network(work)
        else:
            estimate(config, data_root=tmp_path, run_root=tmp_path / "runs", inputs=inputs)
