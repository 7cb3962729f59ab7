"""nie.cka."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nie.cka import linear_cka
from nie.errors import NieError

X, Y = (np.random.default_rng(seed).normal(size=(30, 4)) for seed in (0, 1))


def by_kernels(ours: np.ndarray, theirs: np.ndarray) -> float:
    """By definition: HSIC of the centred Gram matrices, scaled by those of each with itself."""
    centring = np.eye(len(ours)) - 1 / len(ours)

    def hsic(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.trace(centring @ first @ first.T @ centring @ second @ second.T))

    return hsic(ours, theirs) / math.sqrt(hsic(ours, ours) * hsic(theirs, theirs))


def test_equals_the_definition_by_kernels() -> None:
    assert linear_cka(X, Y[:, :2]) == pytest.approx(by_kernels(X, Y[:, :2]))
    assert linear_cka(X, X) == pytest.approx(1)
    assert linear_cka(X, Y) < 0.5


def test_rows_that_are_all_equal_have_none() -> None:
    assert math.isnan(linear_cka(X, np.ones((30, 2))))


def test_other_nodes_are_refused() -> None:
    with pytest.raises(NieError, match="same nodes"):
        linear_cka(X, Y[:5])
