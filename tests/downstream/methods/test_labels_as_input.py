"""downstream.methods.labels_as_input."""

from __future__ import annotations

import torch

from downstream.methods.labels_as_input import ShownLabels

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
