"""downstream.methods.neighbourhood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from downstream.methods.neighbourhood import PARTS, neighbour_labels, neighbour_means
from downstream.methods.pagerank import pagerank
from nie.data import KnowledgeGraph, synthetic


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return synthetic(seed=3)


def neighbours(kg: KnowledgeGraph, relation: int | None = None) -> list[list[int]]:
    """Of every node, the other end of each of its edges; with a relation, of its out-edges of that relation."""
    found: list[list[int]] = [[] for _ in range(kg.num_nodes)]
    for src, dst, etype in zip(kg.src, kg.dst, kg.etype, strict=True):
        if src != dst and relation in (None, etype):
            found[src].append(int(dst))
            if relation is None:
                found[dst].append(int(src))
    return found


def test_means_against_a_loop(kg: KnowledgeGraph) -> None:
    features = kg.channels["semantic"].features
    made = neighbour_means(kg, features)
    for node, around in enumerate(neighbours(kg)):
        expected = features[around].mean(axis=0) if around else np.zeros(features.shape[1])
        np.testing.assert_allclose(made[node, :-1], expected, atol=1e-5)
    np.testing.assert_allclose(made[:, -1], np.log(kg.num_nodes * pagerank(kg)), rtol=1e-6)


def test_labels_of_nodes_without_a_label_against_a_loop(kg: KnowledgeGraph) -> None:
    train = np.flatnonzero(kg.label_mask)[::2]
    label = dict(zip(train.tolist(), kg.targets[train], strict=True))
    made = neighbour_labels(kg, kg.targets, train, 0)

    def mean(values: list[float]) -> float:
        return float(np.mean(values)) if values else np.nan

    around, ahead = neighbours(kg), neighbours(kg, 0)
    behind: list[list[int]] = [[] for _ in range(kg.num_nodes)]
    for node, tails in enumerate(ahead):
        for tail in tails:
            behind[tail].append(node)
    for node in set(range(kg.num_nodes)) - set(label):
        known = [label[one] for one in around[node] if one in label]
        seen = [mean([label[two] for two in around[one] if two in label]) for one in around[node]]
        along = [mean([label[two] for two in behind[one] if two in label]) for one in ahead[node]]
        expected = [mean(known), np.log1p(len(known)), *(
            mean([value for value in column if np.isfinite(value)]) for column in (seen, along)
        )]  # fmt: skip
        np.testing.assert_allclose(made[node, :4], expected, atol=1e-5)


def test_no_label_enters_its_own_row_and_none_but_training_labels_enter_any(kg: KnowledgeGraph) -> None:
    train = np.flatnonzero(kg.label_mask)[::2]
    made = neighbour_labels(kg, kg.targets, train, 0)
    targets = kg.targets.copy()
    targets[np.setdiff1d(np.arange(kg.num_nodes), train)] = 99.0
    np.testing.assert_array_equal(neighbour_labels(kg, targets, train, 0), made)
    for node in train[:10]:
        changed = kg.targets.copy()
        changed[node] += 5
        np.testing.assert_array_equal(neighbour_labels(kg, changed, train, 0)[node], made[node])


def test_a_loop_is_no_neighbour(kg: KnowledgeGraph) -> None:
    nodes = np.arange(kg.num_nodes)
    with_loops = replace(
        kg, src=np.concatenate([kg.src, nodes]), dst=np.concatenate([kg.dst, nodes]),
        etype=np.concatenate([kg.etype, np.zeros_like(nodes)]),
    )  # fmt: skip
    train = np.flatnonzero(kg.label_mask)
    order = neighbour_labels(kg, kg.targets, train, 0)
    np.testing.assert_array_equal(neighbour_labels(with_loops, kg.targets, train, 0)[:, :3], order[:, :3])
    assert len(np.unique(np.random.default_rng(0).permutation(len(train)) % PARTS)) == PARTS
