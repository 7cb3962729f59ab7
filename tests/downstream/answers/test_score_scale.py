"""downstream.answers.score_scale."""

import numpy as np
import pytest

from downstream.answers.score_scale import MARGIN, within_known


@pytest.mark.parametrize("labels", [[0.0, 3.0, 10.6], [2.0, 3.0], [0.01, 5.0], [4.0, 4.0], [0.0, 0.0]])
def test_nothing_leaves_the_range_of_the_labels_by_more_than_the_margin(labels: list[float]) -> None:
    known = np.array(labels)
    span = known.max() - known.min() or max(known.max(), 1.0)
    prediction = np.linspace(-1000, 1000, 4001)
    score = within_known(prediction, known)
    assert (np.diff(score) > 0).all(), "the order is kept strictly"
    assert score.max() <= known.max() + MARGIN * span
    assert score.min() >= max(known.min() - MARGIN * span, 0.0)


def test_what_is_known_is_not_touched() -> None:
    inside = np.linspace(0.1, 10.0, 50)
    assert np.array_equal(within_known(inside, np.array([0.0, 10.0])), inside)


def test_a_wild_prediction_is_no_longer_millions() -> None:
    labels = np.log1p([0.0, 42_081.0])
    assert np.expm1(within_known(np.log1p([2.8e6]), labels)) < 2 * 42_081
