"""downstream.tiers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.graphs import normal
from torch.nn import functional as F

from downstream.tiers import calibration_error, focal_loss, ordinal_loss, ordinal_probabilities, tier_borders, tiers
from nie.errors import NieError

TARGET = torch.tensor([0, 2, 1, 1, 3])


def test_tiers_hold_their_shares_of_the_training_nodes() -> None:
    labels = np.random.default_rng(0).normal(size=1000)
    found = np.bincount(tiers(labels, tier_borders(labels)))
    assert found.tolist() == pytest.approx([10, 90, 400, 500], abs=1)
    assert (
        labels[tiers(labels, tier_borders(labels)) == 0].min() > labels[tiers(labels, tier_borders(labels)) == 1].max()
    )


@pytest.mark.parametrize("shares", [(), (0.5, 0.1), (0.0, 0.5), (0.5, 1.0), (0.1, 0.1)])
def test_bad_shares(shares: tuple[float, ...]) -> None:
    with pytest.raises(NieError, match="ascend between 0 and 1"):
        tier_borders(np.arange(100.0), shares)


def test_equal_labels_make_no_tiers() -> None:
    with pytest.raises(NieError, match=r"tier \d gets none"):
        tier_borders(np.ones(100))


def test_focal_loss_is_cross_entropy_at_gamma_zero() -> None:
    logits = normal(5, 4)
    torch.testing.assert_close(focal_loss(logits, TARGET, gamma=0.0), F.cross_entropy(logits, TARGET))
    smooth = focal_loss(logits, TARGET, gamma=0.0, label_smoothing=0.1)
    torch.testing.assert_close(smooth, F.cross_entropy(logits, TARGET, label_smoothing=0.1))


def test_focal_loss_equals_the_loop() -> None:
    logits, alpha = normal(5, 4), torch.tensor([0.1, 0.2, 0.3, 0.4]).double()
    total = 0.0
    for row, label in zip(logits, TARGET, strict=True):
        p = float(row.softmax(0)[label])
        total += float(alpha[label]) * (1 - p) ** 2 * -np.log(p)
    assert float(focal_loss(logits, TARGET, alpha=alpha)) == pytest.approx(total / 5)


@pytest.mark.parametrize(
    ("logits", "target", "settings", "words"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 1]), {"gamma": -1.0}, "gamma is -1.0"),
        (torch.zeros(2, 1), torch.tensor([0, 0]), {}, "2 nodes into 1 classes"),
        (torch.zeros(0, 3), torch.tensor([], dtype=torch.long), {}, "0 nodes into 3 classes"),
        (torch.zeros(2, 3), torch.tensor([0, 1]), {"alpha": torch.ones(2)}, "3 weights are due"),
    ],
)
def test_bad_classification(
    logits: torch.Tensor, target: torch.Tensor, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(NieError, match=words):
        focal_loss(logits, target, **settings)  # type: ignore[arg-type]


def test_ordinal_loss_equals_the_loop() -> None:
    logits = normal(5, 3)
    total = 0.0
    for row, tier in zip(logits, TARGET, strict=True):
        for k, answer in enumerate(row.sigmoid().tolist()):
            total -= np.log(answer if tier <= k else 1 - answer)
    assert float(ordinal_loss(logits, TARGET)) == pytest.approx(total / 15)


def test_ordinal_probabilities_sum_to_one_and_are_not_negative() -> None:
    probabilities = ordinal_probabilities(normal(50, 3) * 3)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(50).double())
    assert (probabilities >= 0).all()


def test_calibration_error_of_a_calibrated_and_of_a_boastful_classifier() -> None:
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.5, 1, size=20_000)
    probability = np.stack([sure, 1 - sure], axis=1)
    target = (generator.uniform(size=20_000) > sure).astype(int)
    assert calibration_error(probability, target) < 0.02
    assert calibration_error(np.tile([1.0, 0.0], (100, 1)), np.arange(100) % 2) == pytest.approx(0.5)
