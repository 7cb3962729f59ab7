"""nie.data.node_features.relations."""

from __future__ import annotations

import numpy as np

from nie.data import synthetic
from nie.data.node_features.relations import relation_profile


def test_few_relations_are_counted_as_they_are() -> None:
    kg = synthetic(0)
    expected = np.zeros((kg.num_nodes, 2 * kg.num_relations))
    for u, v, r in zip(kg.src, kg.dst, kg.etype, strict=True):
        expected[u, r] += 1
        expected[v, r + kg.num_relations] += 1
    channel = relation_profile(kg)
    np.testing.assert_allclose(channel.features, np.log1p(expected), rtol=1e-6)
    assert channel.mask.all()


def test_many_relations_are_reduced() -> None:
    kg = synthetic(0)
    whole, reduced = relation_profile(kg).features, relation_profile(kg, dim=5).features
    assert reduced.shape == (kg.num_nodes, 5)
    # The reduction keeps the scalar products as well as five dimensions can.
    values = np.linalg.svd(whole.astype(np.float64), compute_uv=False)
    assert np.square(reduced).sum() >= 0.99 * np.square(values[:5]).sum()


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, second = (relation_profile(synthetic(0), dim=5, seed=3).features for _ in range(2))
    np.testing.assert_array_equal(first, second)
