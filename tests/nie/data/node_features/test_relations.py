"""nie.data.node_features.relations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nie.data import features, synthetic
from nie.data.node_features.relations import RelationCounts, relation_counts, relation_profile


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


def test_the_most_frequent_relations_have_columns_of_their_own(tmp_path: Path) -> None:
    kg = synthetic(0)
    keep = (kg.etype != 1) | (np.arange(len(kg.etype)) % 7 == 0)  # relation 1 becomes rare
    kg = replace(kg, src=kg.src[keep], dst=kg.dst[keep], etype=kg.etype[keep])
    order = np.argsort(-np.bincount(kg.etype), kind="stable")
    made = relation_counts(kg, most=2).features
    for column, relation in enumerate(order[:2]):
        of_it = kg.etype == relation
        for ends, place in ((kg.src, column), (kg.dst, column + 2)):
            expected = np.log1p(np.bincount(ends[of_it], minlength=kg.num_nodes))
            np.testing.assert_allclose(made[:, place], expected, rtol=1e-6)
    assert relation_counts(kg).features.shape[1] == 2 * kg.num_relations
    np.testing.assert_array_equal(features(kg, "relation-counts", root=tmp_path, most=2).features, made)


def test_another_graph_is_counted_in_the_columns_of_the_first() -> None:
    kg = synthetic(0)
    tell = RelationCounts(kg, most=1)
    fewer = replace(kg, etype=np.where(kg.etype == 0, 1, kg.etype))
    relation = np.bincount(kg.etype).argmax()
    count = np.bincount(fewer.src[fewer.etype == relation], minlength=kg.num_nodes)
    np.testing.assert_allclose(tell(fewer).features[:, 0], np.log1p(count), rtol=1e-6)
