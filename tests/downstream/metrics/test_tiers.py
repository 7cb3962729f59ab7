"""downstream.metrics.tiers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.graphs import normal
from sklearn import metrics
from torch.nn import functional as F

from downstream.heads.tiers import num_logits, ordinal_probabilities, tier_probabilities
from downstream.losses.table import TIER_LOSSES, tier_loss
from downstream.losses.tiers import balanced_weights, focal_loss, ordinal_loss
from downstream.metrics.tiers import calibration_error, cut, tier_borders, tier_figures, tier_of
from nie.errors import NieError

TARGET = torch.tensor([0, 2, 1, 1, 3])


def test_tiers_hold_their_shares_of_the_training_nodes() -> None:
    labels = np.random.default_rng(0).normal(size=1000)
    found = np.bincount(tier_of(labels, tier_borders(labels)))
    assert found.tolist() == pytest.approx([10, 90, 400, 500], abs=1)
    assert (
        labels[tier_of(labels, tier_borders(labels)) == 0].min()
        > labels[tier_of(labels, tier_borders(labels)) == 1].max()
    )


@pytest.mark.parametrize("shares", [(), (0.5, 0.1), (0.0, 0.5), (0.5, 1.0), (0.1, 0.1)])
def test_bad_shares(shares: tuple[float, ...]) -> None:
    with pytest.raises(NieError, match="ascend between 0 and 1"):
        tier_borders(np.arange(100.0), shares)


def test_equal_labels_make_no_tiers() -> None:
    with pytest.raises(NieError, match=r"labels is in tier \d"):
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
        (torch.zeros(2, 3), torch.tensor([0, 1]), {"gamma": -1.0}, r"gamma must be at least 0; got -1\.0"),
        (torch.zeros(2, 1), torch.tensor([0, 0]), {}, "got 2 and 1"),
        (torch.zeros(0, 3), torch.tensor([], dtype=torch.long), {}, "got 0 and 3"),
        (torch.zeros(2, 3), torch.tensor([0, 1]), {"alpha": torch.ones(2)}, "one weight for each class"),
        (torch.zeros(2, 3), torch.tensor([0, 1]), {"label_smoothing": 2.0}, r"label_smoothing must be in .* got 2\.0"),
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
    assert calibration_error(sure, generator.uniform(size=20_000) < sure) < 0.02
    assert calibration_error(np.ones(100), np.arange(100) % 2 == 0) == pytest.approx(0.5)


def test_figures_equal_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    target, predicted = generator.integers(4, size=(2, 500))
    probability = generator.dirichlet(np.ones(4), size=500)
    figures = tier_figures(target, predicted, probability)
    assert figures["macro_f1"] == pytest.approx(metrics.f1_score(target, predicted, average="macro"))
    assert figures["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(target, predicted))
    for name, function in (("top_precision", metrics.precision_score), ("top_recall", metrics.recall_score)):
        assert figures[name] == pytest.approx(function(target == 0, predicted == 0))


def test_figures_of_tiers_that_no_node_has_or_gets() -> None:
    figures = tier_figures(np.array([1, 1, 2]), np.array([1, 2, 2]), np.full((3, 4), 0.25))
    assert figures["top_precision"] == figures["top_recall"] == 0
    assert figures["balanced_accuracy"] == pytest.approx(0.75)


def test_cut_predictions_have_the_probability_of_normal_errors() -> None:
    borders = np.array([2.0, 1.0, 0.0])
    found, probability = cut(np.array([2.5, 0.5]), borders, 0.5)
    assert found.tolist() == [0, 2]
    assert probability[0, 0] == pytest.approx(0.8413, abs=1e-4)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    certain = cut(np.array([2.5]), borders, 0.0)[1]
    assert certain.tolist() == [[1.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("kind", TIER_LOSSES)
def test_every_loss_of_tiers_is_least_for_the_truth(kind: str) -> None:
    alpha, ordinal = torch.ones(4) if TIER_LOSSES[kind].balanced else None, TIER_LOSSES[kind].ordinal
    size = num_logits(ordinal=ordinal)
    right, wrong = torch.full((5, size), -9.0), torch.zeros(5, size)
    for row, tier in enumerate(TARGET.tolist()):
        right[row, tier : size if ordinal else tier + 1] = 9.0
    assert tier_loss(kind, right, TARGET, alpha) < tier_loss(kind, wrong, TARGET, alpha)
    probability = tier_probabilities(right, ordinal=ordinal)
    assert probability.argmax(dim=1).tolist() == TARGET.tolist()
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(5))


def test_balanced_weights_make_tiers_count_alike() -> None:
    target = torch.tensor([0, 0, 0, 1, 2])
    alpha = balanced_weights(target, 4)
    torch.testing.assert_close(alpha, 5 / (4 * torch.tensor([3.0, 1.0, 1.0, 1.0])))
    logits = normal(5, 4).float()
    torch.testing.assert_close(
        tier_loss("balanced_focal", logits, target, alpha), focal_loss(logits, target, alpha=alpha)
    )


@pytest.mark.parametrize(
    ("kind", "alpha", "words"),
    [
        ("focall", None, "no loss 'focall' of tiers.*did you mean 'focal'"),
        ("balanced_focal", None, "takes weights of the tiers"),
        ("focal", torch.ones(4), "takes no weights of the tiers"),
    ],
)
def test_losses_of_tiers_that_cannot_be(kind: str, alpha: torch.Tensor | None, words: str) -> None:
    with pytest.raises(NieError, match=words):
        tier_loss(kind, torch.zeros(5, 4), TARGET, alpha)


def test_nothing_to_order() -> None:
    for logits, target in ((torch.zeros(0, 3), TARGET[:0]), (torch.zeros(5, 0), TARGET * 0)):
        with pytest.raises(NieError, match="at least 1 node and 2 tiers"):
            ordinal_loss(logits, target)


def test_label_smoothing_is_spread_over_all_classes_or_over_the_others() -> None:
    logits, target = torch.tensor([[2.0, 0.5, -1.0, 0.0]]), torch.tensor([1])
    rest = logits.log_softmax(dim=1)[0]
    others = -(0.9 * rest[1] + 0.1 / 3 * (rest.sum() - rest[1]))
    assert focal_loss(logits, target, gamma=0.0, label_smoothing=0.1, smooth_others=True) == pytest.approx(
        float(others)
    )
    every = -(0.9 * rest[1] + 0.1 / 4 * rest.sum())
    assert focal_loss(logits, target, gamma=0.0, label_smoothing=0.1) == pytest.approx(float(every))
    with pytest.raises(NieError, match=r"label_smoothing must be in \[0, 0.75\); got 0.8"):
        focal_loss(logits, target, label_smoothing=0.8, smooth_others=True)
    with pytest.raises(NieError, match=r"alpha must be 4 numbers of at least 0.*got \[1.0\]"):
        focal_loss(logits, target, alpha=[1.0])
