"""downstream.metrics.retrieval_."""

from __future__ import annotations

import numpy as np
import pytest

from downstream.metrics.channels import match_ranks, retrieval_metrics
from nie.errors import NieError


def test_ranks_equal_the_loop() -> None:
    generator = np.random.default_rng(0)
    query, keys = generator.normal(size=(2, 30, 4))
    ranks = match_ranks(query, keys)
    for i in range(30):
        cosines = [query[i] @ key / np.linalg.norm(query[i]) / np.linalg.norm(key) for key in keys]
        assert ranks[i] == 1 + sum(c > cosines[i] for c in cosines)


def test_constant_embeddings_are_at_chance() -> None:
    figures = retrieval_metrics(np.ones((101, 3)), np.ones((101, 3)), cutoffs=(10,))
    assert figures["median rank"] == figures["chance median rank"] == 51
    assert figures["recall@10"] == 0
    random = np.random.default_rng(0).normal(size=(2, 2000, 8))
    figures = retrieval_metrics(*random)
    assert figures["recall@50"] == pytest.approx(figures["chance recall@50"], abs=0.01)
    assert figures["mrr"] == pytest.approx(figures["chance mrr"], abs=0.002)


def test_collapsed_embeddings_are_at_chance_in_whatever_order_sums_are_made() -> None:
    """Products of equal rows may differ in their last bits."""
    row = np.random.default_rng(0).normal(size=(1, 37)).astype(np.float32)
    assert match_ranks(row.repeat(1013, axis=0), row.repeat(1013, axis=0)).tolist() == [507.0] * 1013


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
