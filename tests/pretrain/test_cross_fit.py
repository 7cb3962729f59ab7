"""pretrain.cross_fit: no training node's row knows its own label."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import SMALL, store_synthetic, with_labels

import pretrain.licap
from nie.data import KnowledgeGraph
from nie.data.store import save
from nie.errors import NieError
from pretrain.cross_fit import cross_fitted, parts_of, rotation
from pretrain.cross_validation import Fold
from pretrain.inputs import prepare
from pretrain.stage import PRETRAINING


def settings(**changes: Any) -> Any:
    given = {
        **SMALL,
        "folds": {"run": [0]},
        "channels": ["structural"],
        "loss": {"gamma": 0.2},
        "cross_fit": 3,
        **changes,
    }
    return PRETRAINING.recipes.resolve(overrides=given)


def test_parts_partition_the_training_nodes() -> None:
    fold = Fold(0, np.arange(10), np.arange(10, 12), np.arange(12, 15))
    parts = parts_of(settings(), fold)
    assert sorted(node for _, part in parts for node in part) == list(range(10))
    for rest, part in parts:
        assert set(rest.train) == set(range(10)) - set(part)
        assert (rest.val.tolist(), rest.test.tolist()) == (fold.val.tolist(), fold.test.tolist())
    assert parts_of(settings(cross_fit=None), fold) == []


def test_more_parts_than_training_nodes_are_refused() -> None:
    with pytest.raises(NieError, match=r"cross_fit must be at most 2, .* fold 0; got 3"):
        parts_of(settings(), Fold(0, np.arange(2), np.arange(2, 4), np.arange(4, 6)))


def test_rows_come_from_the_encoder_that_has_not_seen_them_turned_onto_the_whole() -> None:
    fold, rng = Fold(0, np.arange(6), np.arange(6, 20), np.arange(20, 40)), np.random.default_rng(0)
    whole = rng.normal(size=(40, 3))
    turned = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(3)]
    made = cross_fitted(whole, parts_of(settings(), fold), lambda _rest, number: whole @ turned[number], fold)
    np.testing.assert_allclose(made, whole, atol=1e-12)  # encoders that differ by a rotation alone agree
    np.testing.assert_allclose(rotation(whole @ turned[0], whole), turned[0].T, atol=1e-12)


def test_the_label_of_a_training_node_does_not_reach_its_own_row(tmp_path: Path) -> None:
    kg: KnowledgeGraph = store_synthetic(tmp_path / "data")
    config = settings()
    fold = prepare(config, data_root=tmp_path / "data").folds[0]
    result = pretrain.licap.pretrain(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert np.load(result.fold_path(0) / "structural" / "embeddings.npy").shape == (kg.num_nodes, 64)
    rest, part = parts_of(config, fold)[0]
    labels = kg.labels.copy()
    labels[part] = labels[part][::-1]
    save(with_labels(kg, labels), tmp_path / "other" / "data" / kg.name / "processed")
    inputs = [prepare(config, data_root=root / "data") for root in (tmp_path, tmp_path / "other")]
    embedded = [
        pretrain.encoder_training.train_encoder(config, one, rest, "structural", tmp_path, "part")[1] for one in inputs
    ]
    assert np.array_equal(*embedded)


def test_too_few_labels_in_the_rest_are_one_sentence_before_anything_is_written(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    with pytest.raises(NieError, match="gamma must leave at least 1 top node"):
        pretrain.licap.pretrain(
            settings(loss={"gamma": 0.003}), data_root=tmp_path / "data", run_root=tmp_path / "runs"
        )
    assert not (tmp_path / "runs").exists()
