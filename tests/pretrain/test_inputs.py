"""pretrain.inputs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, store_synthetic

from downstream.stages.importance import IMPORTANCE
from nie.data import Channel
from nie.errors import NieError
from nie.inputs.channels import standardized
from nie.inputs.device import choose_device
from nie.inputs.tensors import input_tensor
from nie.settings.sections import FeaturesConfig
from pretrain.cross_validation import fold_seed
from pretrain.inputs import prepare


def prepared(root: Path, **changes: object):
    store_synthetic(root)
    return prepare(IMPORTANCE.recipes.load(overrides={**SMALL, **changes}), data_root=root)


def test_everything_a_fold_needs(tmp_path: Path) -> None:
    inputs = prepared(tmp_path)
    assert set(inputs.channels) == {"structural", "semantic"}
    assert [part.features.shape[1] for part in inputs.channels["structural"]] == [4, 2]  # its features, its degrees
    assert len(inputs.channels["semantic"]) == 1
    assert len(inputs.folds) == 5
    assert inputs.message.graph.num_edges() == inputs.kg.num_edges + inputs.kg.num_nodes


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("loops", [False, True])
def test_the_message_graph_follows_the_settings(inverse: bool, loops: bool, tmp_path: Path) -> None:
    inputs = prepared(tmp_path, graph={"inverse_relations": inverse, "self_loops": loops})
    expected = inputs.kg.num_edges * (1 + inverse) + inputs.kg.num_nodes * loops
    assert inputs.message.graph.num_edges() == expected


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


@pytest.mark.parametrize("standardize", [False, True])
def test_the_input_tensor_joins_parts_that_are_standardised_apart(standardize: bool) -> None:
    first = Channel(np.array([[1], [3], [2]], np.float32), np.ones(3, bool))
    second = Channel(np.array([[1900, 2], [2000, 2], [0, 0]], np.float32), np.array([True, True, False]))
    tensor = input_tensor((first, second), FeaturesConfig(standardize=standardize)).round(decimals=4)
    plain = [[1, 1900, 2], [3, 2000, 2], [2, 0, 0]]
    expected = [[-1.2247, -1, 0], [1.2247, 1, 0], [0, 0, 0]] if standardize else plain
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor, expected, atol=1e-4)


def test_a_fold_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="fold 7, but there are folds 0 to 4"):
        prepared(tmp_path, folds={"run": [7]})


def pretend(monkeypatch: pytest.MonkeyPatch, *, devices: int, triton: bool) -> None:
    """Let torch report CUDA devices, and Triton be installed or not."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if triton else None)


@pytest.mark.parametrize(("devices", "triton", "chosen"), [(0, True, "cpu"), (1, False, "cpu"), (1, True, "cuda")])
def test_auto_takes_cuda_where_the_kernels_can_run(
    devices: int, triton: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, devices=devices, triton=triton)
    assert choose_device("auto") == torch.device(chosen)
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("wanted", "devices", "triton", "message"),
    [
        ("cuda", 0, True, "finds 0 CUDA devices.*no cuda; use --device cpu"),
        ("cuda:2", 2, True, "finds 2 CUDA devices.*no cuda:2"),
        ("cuda:1", 2, False, r"--device cuda:1 needs the package triton: pip install -e '.\[gpu\]'"),
    ],
)
def test_a_device_that_cannot_be_had_is_one_sentence(
    wanted: str, devices: int, triton: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, devices=devices, triton=triton)
    with pytest.raises(NieError, match=message):
        choose_device(wanted)


@pytest.mark.cuda
def test_the_graph_stays_on_the_cpu(tmp_path: Path) -> None:
    inputs = prepared(tmp_path, device="cuda")
    assert inputs.device.type == "cuda"
    assert inputs.message.etype.device.type == "cuda"
    assert inputs.message.graph.device.type == "cpu"


def test_folds_and_seeds_give_distinct_seeds() -> None:
    assert len({fold_seed(seed, fold) for seed in range(10) for fold in range(10)}) == 100


def test_outliers_are_limited_in_order() -> None:
    values = np.array([[0.0], [0.1], [-0.1], [50.0], [100.0]], np.float32)
    channel = Channel(values, np.ones(5, bool))
    plain = input_tensor((channel,), FeaturesConfig()).numpy()
    limited = input_tensor((channel,), FeaturesConfig(limit=1.0)).numpy()
    inside = np.abs(plain) <= 1
    np.testing.assert_array_equal(limited[inside], plain[inside])
    assert (np.argsort(limited, axis=0) == np.argsort(plain, axis=0)).all()
    assert np.abs(limited).max() < np.abs(plain).max()


def test_further_channels_and_none(tmp_path: Path) -> None:
    features = {
        "structural": "none",
        "semantic": "semantic",
        "more": {"numeric": "relations", "both": "semantic+tfidf"},
    }
    channels = prepared(tmp_path, features=features).channels
    assert {name: len(parts) for name, parts in channels.items()} == {"semantic": 1, "numeric": 1, "both": 2}
    with pytest.raises(NieError, match="No channel of features is left"):
        prepared(tmp_path, features={"structural": "none", "semantic": "none"})
    with pytest.raises(NieError, match=r"give it as --features\.semantic"):
        prepared(tmp_path, features={"more": {"semantic": "tfidf"}})


def test_controls_keep_the_size_and_lose_what_it_says(tmp_path: Path) -> None:
    names = ("semantic", "semantic~shuffled", "semantic~noise", "semantic~flags")
    features = {"structural": "structural", "semantic": "none", "more": {f"a {name}": name for name in names}}
    channels = prepared(tmp_path, features=features).channels
    parts = {name: channels[f"a {name}"][0] for name in names}
    real, shuffled, noise, flags = (parts[name] for name in names)
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
