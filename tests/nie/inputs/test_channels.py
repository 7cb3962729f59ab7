"""nie.inputs.channels, as the inputs of a stage are made from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import SMALL, store_synthetic

from downstream.stages.importance import IMPORTANCE
from nie.data import Channel, KnowledgeGraph
from nie.data.store import save
from nie.errors import NieError
from nie.inputs.channels import feature_names, input_array, standardized, without_units
from nie.settings.sections import FeaturesConfig
from pretrain.inputs import prepare


def prepared(root: Path, **changes: object):
    store_synthetic(root)
    return prepare(IMPORTANCE.recipes.resolve(overrides={**SMALL, **changes}), data_root=root)


def test_degrees_can_be_left_out(tmp_path: Path) -> None:
    features = {**SMALL["features"], "degrees": False}
    assert len(prepared(tmp_path, features=features).channels["structural"]) == 1


def test_features_can_be_joined(tmp_path: Path) -> None:
    features = {"structural": "structural+relations", "semantic": "semantic+tfidf"}
    inputs = prepared(tmp_path, features=features)
    assert len(inputs.channels["structural"]) == 3
    assert len(inputs.channels["semantic"]) == 2
    with pytest.raises(NieError, match=r"no feature 'relation'.*did you mean 'relations'"):
        prepared(tmp_path, features={"structural": "structural+relation"})


def test_standardising_sees_only_nodes_that_have_the_channel() -> None:
    features = np.array([[1, 5], [3, 5], [100, 100]], np.float32)
    result = standardized(Channel(features, np.array([True, True, False])))
    assert result.tolist() == [[-1, 0], [1, 0], [0, 0]]


def test_further_channels_and_none(tmp_path: Path) -> None:
    features = {
        "structural": "none",
        "semantic": "semantic",
        "more": {"numeric": "relations", "both": "semantic+tfidf"},
    }
    channels = prepared(tmp_path, features=features).channels
    assert {name: len(features) for name, features in channels.items()} == {"semantic": 1, "numeric": 1, "both": 2}
    with pytest.raises(NieError, match="No channel of features is left"):
        prepared(tmp_path, features={"structural": "none", "semantic": "none"})
    with pytest.raises(NieError, match=r"give it as --features\.semantic"):
        prepared(tmp_path, features={"more": {"semantic": "tfidf"}})


def test_auto_is_what_the_graph_says() -> None:
    kg = KnowledgeGraph.from_frames(
        {"head": ["a", "b"], "relation": ["r", "age"], "tail": ["b", 7]},
        features={"bib": {"node": ["a"], "papers": [1.0]}},
    )
    assert feature_names(kg, FeaturesConfig()) == {
        "structural": "node2vec+literals+bib+degrees", "semantic": "tfidf",
    }  # fmt: skip
    assert feature_names(kg, FeaturesConfig(structural="bib", degrees=False))["structural"] == "bib"
    shuffled = feature_names(kg, FeaturesConfig(structural="auto~shuffled", degrees=False))["structural"]
    assert shuffled == "node2vec~shuffled+literals~shuffled+bib~shuffled"


def test_controls_keep_the_size_and_lose_what_it_says(tmp_path: Path) -> None:
    names = ("semantic", "semantic~shuffled", "semantic~noise", "semantic~flags")
    features = {"structural": "structural", "semantic": "none", "more": {f"a {name}": name for name in names}}
    channels = prepared(tmp_path, features=features).channels
    by_name = {name: channels[f"a {name}"][0] for name in names}
    real, shuffled, noise, flags = (by_name[name] for name in names)
    for control in (shuffled, noise):
        assert control.features.shape == real.features.shape
        assert np.array_equal(control.mask, real.mask)
        assert not np.array_equal(control.features, real.features)
    np.testing.assert_array_equal(np.sort(shuffled.features, axis=0), np.sort(real.features, axis=0))
    assert len({tuple(row) for row in real.features} & {tuple(row) for row in shuffled.features}) > 100
    np.testing.assert_allclose(noise.features.mean(0), real.features.mean(0), atol=0.5)
    np.testing.assert_array_equal(flags.features[:, 0], real.mask)
    with pytest.raises(NieError, match=r"no control 'shufled'.*did you mean 'shuffled'"):
        prepared(tmp_path, features={"structural": "structural~shufled"})


def test_a_column_that_is_constant_but_for_rounding_is_not_blown_up() -> None:
    rows = np.full((1000, 1), 0.1, np.float32)
    rows[::2] = np.nextafter(np.float32(0.1), np.float32(1))
    assert np.abs(standardized(Channel(rows, np.ones(1000, bool)))).max() < 1e-6
    healthy = np.random.default_rng(0).normal(5, 0.01, size=(50, 3)).astype(np.float32)
    assert np.array_equal(
        standardized(Channel(healthy, np.ones(50, bool))), (healthy - healthy.mean(axis=0)) / healthy.std(axis=0)
    )


def test_features_that_are_read_as_they_are_bring_no_units(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    vectors, some = kg.channels["structural"].features, np.arange(kg.num_nodes) % 3 > 0
    rows = np.where(some[:, None], np.random.default_rng(0).normal([1950, 0, 1e6], [20, 1, 1e5], (kg.num_nodes, 3)), 0)
    own = replace(kg, name="own", channels={**kg.channels, "facts": Channel(rows.astype(np.float32), some)})
    save(own, tmp_path / "own" / "processed")
    features = {"structural": "structural+facts", "degrees": False}

    def parts(**said: object) -> tuple[Channel, ...]:
        asked = {"dataset": "own", "features": {**features, **said}}
        return prepare(IMPORTANCE.recipes.resolve(overrides=asked), data_root=tmp_path).channels["structural"]

    scaled, given = parts(standardize=False), parts()
    assert np.array_equal(scaled[0].features, vectors)
    assert np.array_equal(scaled[1].features[:, 1], own.channels["facts"].features[:, 1])
    np.testing.assert_allclose(scaled[1].features[some][:, [0, 2]].std(axis=0), 1, rtol=1e-4)
    assert not scaled[1].features[~some].any()
    assert np.array_equal(given[1].features, own.channels["facts"].features)  # an encoder scales them


def test_vectors_are_left_as_they_are() -> None:
    vectors = Channel(np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32), np.ones(50, bool))
    assert without_units(vectors) is vectors


@pytest.mark.parametrize("standardize", [True, False])
def test_features_of_other_nodes_are_scaled_as_those_that_a_network_was_trained_on(standardize: bool) -> None:
    draw, everyone = np.random.default_rng(0), np.ones(20, bool)
    known = tuple(Channel((scale * draw.normal(3, 1, (20, 2))).astype(np.float32), everyone) for scale in (1, 9))
    config = FeaturesConfig(standardize=standardize, limit=1.5 if standardize else None)
    whole = input_array(known, config)
    some = tuple(Channel(one.features[4:6], everyone[:2]) for one in known)
    assert input_array(some, config, known).tolist() == whole[4:6].tolist()
    assert input_array(some, config).tolist() != whole[4:6].tolist()


def test_the_columns_with_a_unit_are_those_that_training_had() -> None:
    known = Channel(np.array([[0.5, 1900.0], [0.1, 2000.0]], np.float32), np.array([True, True]))
    other = Channel(np.array([[40.0, 20.0]], np.float32), np.array([True]))
    assert without_units(other, known).features.tolist() == [[40.0, pytest.approx((20.0 - 1950) / 50)]]
