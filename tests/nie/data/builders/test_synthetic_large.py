"""nie.data.builders.synthetic_large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nie.data.builders.synthetic_large
from nie.data.builders.synthetic_large import synthetic_large
from nie.data.datasets import build, load
from nie.data.graph import KnowledgeGraph
from nie.errors import NieError


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return synthetic_large(5000, 40_000)


def test_labels_follow_the_rule_that_the_docstring_states(kg: KnowledgeGraph) -> None:
    quality = kg.channels["semantic"].features[:, :4].astype(float).sum(axis=1) / 2
    total, count = np.zeros(5000), np.zeros(5000)
    np.add.at(total, kg.dst, np.linspace(0, 1, 30)[kg.etype] * quality[kg.src])
    np.add.at(count, kg.dst, 1)
    expected = np.maximum(4 + quality + 2 * total / np.maximum(count, 1), 0)
    noise = (kg.targets - expected)[kg.label_mask]
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 0.1) < 0.02
    assert abs(quality.std() - 1) < 0.05


def test_few_nodes_and_few_relations_have_most_edges(kg: KnowledgeGraph) -> None:
    for ends in (kg.src, kg.dst):
        degree = np.sort(np.bincount(ends, minlength=5000))[::-1]
        assert degree[:50].sum() > 8 * 50 * degree.mean() / 2
    assert np.bincount(kg.etype).argmax() == 0
    assert np.bincount(kg.etype, minlength=30).min() > 0


def test_a_seed_gives_the_same_bits_and_another_one_other_ones(kg: KnowledgeGraph) -> None:
    assert synthetic_large(5000, 40_000).data_digest == kg.data_digest
    assert synthetic_large(5000, 40_000, seed=1).digest != kg.digest


def test_pieces_make_up_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nie.data.builders.synthetic_large, "PIECE", 64)
    kg = synthetic_large(200, 1000)
    assert np.bincount(kg.dst, minlength=200).sum() == 1000
    structural = np.expm1(kg.channels["structural"].features)
    np.testing.assert_allclose(structural[:, 0], np.bincount(kg.dst, minlength=200), atol=1e-3)
    np.testing.assert_allclose(structural[:, 1], np.bincount(kg.src, minlength=200), atol=1e-3)
    np.testing.assert_allclose(structural[:, 2:].sum(axis=1), structural[:, 0], atol=1e-3)


def test_it_is_built_by_name_and_read_from_disk(tmp_path: Path) -> None:
    built = build("synthetic-large", tmp_path, nodes=200, edges=500)
    features = built.channels["semantic"].features
    assert isinstance(features.base.base, np.memmap)  # type: ignore[union-attr]
    assert load("synthetic-large", tmp_path, nodes=200).digest == built.digest
    with pytest.raises(NieError, match="was built with nodes=200, not 300"):
        load("synthetic-large", tmp_path, nodes=300)
    with pytest.raises(NieError, match="nodes must be a whole number"):
        build("synthetic-large", tmp_path, nodes=10)
