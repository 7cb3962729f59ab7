"""nie.inputs.neighbours, and the feature of that name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import SMALL, store_synthetic

from downstream.stages.importance import IMPORTANCE
from nie.data import Channel, KnowledgeGraph, synthetic
from nie.errors import NieError
from nie.inputs import neighbours as module
from nie.inputs.channels import feature_names, named_features
from nie.inputs.neighbours import neighbours
from nie.settings.sections import FeaturesConfig
from pretrain.inputs import prepare


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    kg = synthetic(3)
    loops = np.arange(20)
    ends = [np.concatenate([side, side[:50], loops]) for side in (kg.src, kg.dst)]  # parallel edges and loops, too
    return replace(kg, src=ends[0], dst=ends[1], etype=np.concatenate([kg.etype, kg.etype[:50], 0 * loops]))


def test_against_a_loop(kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 16)  # fewer than the wide feature has
    rng = np.random.default_rng(0)
    narrow = Channel(rng.normal(size=(kg.num_nodes, 2)), rng.random(kg.num_nodes) < 0.5)
    wide = Channel(rng.normal(size=(kg.num_nodes, 40)), np.ones(kg.num_nodes, bool))
    made = neighbours(kg, (narrow, wide))
    assert made.features.shape == (kg.num_nodes, 2 * (3 * 2 + 40))
    pairs = [(u, v) for u, v in zip(kg.src.tolist(), kg.dst.tolist(), strict=True) if u != v]
    entering: list[set[int]] = [{u for u, v in pairs if v == node} for node in range(kg.num_nodes)]
    leaving: list[set[int]] = [{v for u, v in pairs if u == node} for node in range(kg.num_nodes)]
    for node in range(kg.num_nodes):
        expected: list[np.ndarray] = []
        for around in (entering[node], leaving[node]):
            having = [one for one in around if narrow.mask[one]]
            for put in (np.mean, np.max, np.min):
                expected.append(put(narrow.features[having], axis=0) if having else np.zeros(2))
            expected.append(wide.features[list(around)].mean(axis=0) if around else np.zeros(40))
        np.testing.assert_allclose(made.features[node], np.concatenate(expected), atol=1e-6)
        assert made.mask[node] == bool(entering[node] | leaving[node])


def test_a_graph_without_edges(kg: KnowledgeGraph) -> None:
    none = np.empty(0, dtype=np.int64)
    made = neighbours(replace(kg, src=none, dst=none, etype=none), (kg.channels["semantic"],))
    assert not made.features.any()
    assert not made.mask.any()


def test_they_are_those_of_the_features_beside_them(kg: KnowledgeGraph, tmp_path: Path) -> None:
    own, around, degrees = named_features(kg, "semantic+neighbours+degrees", FeaturesConfig(), tmp_path)
    np.testing.assert_array_equal(around.features, neighbours(kg, (own, degrees)).features)
    (_, control) = named_features(kg, "semantic+neighbours~flags", FeaturesConfig(), tmp_path)
    assert control.features.shape == (kg.num_nodes, 1)
    with pytest.raises(NieError, match="puts together the features beside it in its channel, and there is none"):
        named_features(kg, "neighbours", FeaturesConfig(), tmp_path)


def test_where_auto_stands_for_nothing_so_do_its_neighbours() -> None:
    kg = replace(synthetic(0), channels={}, text=[None] * 300)
    assert feature_names(kg, FeaturesConfig(semantic="auto+neighbours")) == {"structural": "node2vec+degrees"}


def test_what_is_made_of_labels_is_refused_where_labels_are_no_input(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    with pytest.raises(NieError, match="neighbour-labels is made of a fold's training labels"):
        named_features(kg, "semantic+neighbour-labels", FeaturesConfig(), tmp_path)
    features = {"structural": "structural+neighbour-labels+neighbours", "semantic": "neighbour-labels"}
    config = IMPORTANCE.recipes.resolve(overrides={**SMALL, "features": features, "method": "mlp"})
    inputs = prepare(config, data_root=tmp_path)
    assert inputs.feature_names == {"structural": ["structural", "neighbours", "degrees"], "semantic": []}
    assert [len(features) for features in inputs.channels.values()] == [3, 0]
