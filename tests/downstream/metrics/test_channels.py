"""downstream.metrics.retrieval_."""

from __future__ import annotations

import numpy as np
import pytest

from downstream.metrics.channels import linear_cka, match_ranks, retrieval_metrics
from nie.errors import NieError


def test_ranks_equal_the_loop() -> None:
    generator = np.random.default_rng(0)
    query, keys = generator.normal(size=(2, 30, 4))
    better, equal = match_ranks(query, keys)
    assert equal.tolist() == [1] * 30
    for i in range(30):
        cosines = [query[i] @ key / np.linalg.norm(query[i]) / np.linalg.norm(key) for key in keys]
        assert better[i] == sum(c > cosines[i] for c in cosines)


def test_constant_embeddings_are_at_chance() -> None:
    figures = retrieval_metrics(np.ones((101, 3)), np.ones((101, 3)), cutoffs=(10,))
    assert figures["median rank"] == figures["chance median rank"] == 51
    assert figures["recall@10"] == pytest.approx(figures["chance recall@10"])
    assert figures["mrr"] == pytest.approx(figures["chance mrr"])
    random = np.random.default_rng(0).normal(size=(2, 2000, 8))
    figures = retrieval_metrics(*random)
    assert figures["recall@50"] == pytest.approx(figures["chance recall@50"], abs=0.01)
    assert figures["mrr"] == pytest.approx(figures["chance mrr"], abs=0.002)


def test_collapsed_embeddings_are_at_chance_in_whatever_order_sums_are_made() -> None:
    """Products of equal rows may differ in their last bits."""
    row = np.random.default_rng(0).normal(size=(1, 37)).astype(np.float32)
    better, equal = match_ranks(row.repeat(1013, axis=0), row.repeat(1013, axis=0))
    assert better.tolist() == [0] * 1013
    assert equal.tolist() == [1013] * 1013


def test_ties_count_as_the_mean_over_their_orders() -> None:
    query, keys = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    figures = retrieval_metrics(query, keys, cutoffs=(1, 2))
    assert figures["recall@1"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert figures["recall@2"] == 1.0
    assert figures["mrr"] == pytest.approx((0.75 + 0.75 + 1) / 3)


def test_without_ties_not_a_bit_of_a_figure_moves() -> None:
    query, keys = np.random.default_rng(3).normal(size=(2, 200, 4))
    ranks = match_ranks(query, keys)[0] + 1.0
    figures = retrieval_metrics(query, keys, cutoffs=(1, 10))
    assert figures["mrr"] == float((1 / ranks).mean())
    assert figures["median rank"] == float(np.median(ranks))
    assert [figures["recall@1"], figures["recall@10"]] == [float((ranks <= k).mean()) for k in (1, 10)]


@pytest.mark.parametrize(
    ("query", "keys", "words"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), r"must both be \(n, d\)"),
        (np.ones((1, 2)), np.ones((1, 2)), "n at least 2"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), "not finite"),
    ],
)
def test_bad_input(query: np.ndarray, keys: np.ndarray, words: str) -> None:
    with pytest.raises(NieError, match=words):
        match_ranks(query, keys)


def test_encodings_that_are_constant_but_for_rounding_are_like_nothing() -> None:
    rng = np.random.default_rng(0)
    constant = np.full((50, 3), 0.1) + 1e-9 * rng.normal(size=(50, 3))
    assert linear_cka(constant, rng.normal(size=(50, 3))) == linear_cka(constant, constant) == 0
