from __future__ import annotations

import errno
import inspect
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nie.data import FEATURES, KnowledgeGraph, features, synthetic
from nie.data.graph_change import GraphChange
from nie.data.node_features.cache import check_cached, feature_of_others
from nie.errors import NieError


def relabelled(kg: KnowledgeGraph) -> KnowledgeGraph:
    labels = np.random.default_rng(9).random(kg.num_nodes) * 1e6
    return replace(kg, labels=labels, label_mask=~kg.label_mask)


def installed(name: str) -> bool:
    return all(package.is_there() for package in FEATURES[name].packages)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in ("minilm", "mpnet") else ()) for n in FEATURES]
)
def test_labels_change_no_feature(tmp_path: Path, name: str) -> None:
    if not installed(name):
        pytest.skip(f"needs the packages of {name}")
    kg = synthetic(0, num_nodes=60)
    first = features(kg, name, root=tmp_path / "a")
    again = features(relabelled(kg), name, root=tmp_path / "b")
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert [path.name for path in sorted((tmp_path / "a").rglob("*.npy"))] == [
        path.name for path in sorted((tmp_path / "b").rglob("*.npy"))
    ]


def test_second_call_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kg = synthetic(0)
    first = features(kg, "tfidf", root=tmp_path, dim=8)
    forbid(monkeypatch, "tfidf")
    again = features(kg, "tfidf", root=tmp_path, dim=8)
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.mask, again.mask)


def test_defaults_by_name_find_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kg = synthetic(0)
    features(kg, "tfidf", root=tmp_path)
    forbid(monkeypatch, "tfidf")
    features(kg, "tfidf", root=tmp_path, dim=128, seed=0)


def test_settings_seed_and_source_make_new_files(tmp_path: Path) -> None:
    kg = synthetic(0)
    variants: list[tuple[KnowledgeGraph, dict[str, Any]]] = [
        (kg, {}),
        (kg, {"dim": 8}),
        (kg, {"seed": 1}),
        (replace(kg, text=[None, *kg.text[1:]]), {}),
    ]
    for graph, settings in variants:
        features(graph, "tfidf", root=tmp_path, **settings)
    assert len(list(tmp_path.rglob("tfidf-????????.npy"))) == 4


def test_each_feature_depends_on_its_source_only(tmp_path: Path) -> None:
    kg = synthetic(0)
    rewired = replace(kg, dst=kg.src, src=kg.dst)
    retold = replace(kg, text=["other words", *kg.text[1:]])
    for graph in (kg, rewired, retold):
        features(graph, "degrees", root=tmp_path)
        features(graph, "tfidf", root=tmp_path)
    assert len(list(tmp_path.rglob("degrees-????????.npy"))) == 2
    assert len(list(tmp_path.rglob("tfidf-????????.npy"))) == 2


def test_seed_does_not_matter_to_a_feature_without_one(tmp_path: Path) -> None:
    for seed in (0, 1):
        features(synthetic(0), "degrees", root=tmp_path, seed=seed)
    assert len(list(tmp_path.rglob("degrees-????????.npy"))) == 1


def test_a_ready_channel_wins(tmp_path: Path) -> None:
    kg = synthetic(0)
    assert features(kg, "semantic", root=tmp_path) is kg.channels["semantic"]
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"no feature 'node2vek' \(did you mean 'node2vec'\?\)"):
        features(synthetic(0), "node2vek", root=tmp_path)
    with pytest.raises(NieError, match=r"did you mean 'semantic'"):
        features(synthetic(0), "sematic", root=tmp_path)
    with pytest.raises(NieError, match=r"feature tfidf has no setting 'dimm' \(did you mean 'dim'\?\)"):
        features(synthetic(0), "tfidf", root=tmp_path, dimm=4)


SETTINGS = {
    (name, key): parameter.default
    for name, feature in FEATURES.items()
    for key, parameter in inspect.signature(feature.compute).parameters.items()
    if key not in ("kg", "seed")
}


@pytest.mark.parametrize(("name", "key"), SETTINGS)
def test_every_setting_of_every_feature_is_checked(tmp_path: Path, name: str, key: str) -> None:
    real = isinstance(SETTINGS[name, key], float)
    expected = "a finite number > 0" if real else "a whole number from 1 to 100000"
    for value in ("x", None, True, [1], object(), float("nan"), float("inf"), 0, -1, 10**400, *([] if real else [1.5])):
        with pytest.raises(NieError, match=f"^{name}'s {key} must be {expected}; got .{{1,81}}$"):
            features(synthetic(0), name, root=tmp_path, **{key: value})


def test_a_number_of_numpy_finds_the_same_file(tmp_path: Path) -> None:
    for dim in (8, np.int64(8)):
        features(synthetic(0), "tfidf", root=tmp_path, dim=dim)
    assert len(list(tmp_path.rglob("tfidf-????????.npy"))) == 1


def test_damaged_cache_is_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kg = synthetic(0)
    first = features(kg, "degrees", root=tmp_path).features.copy()
    (path,) = tmp_path.rglob("degrees-????????.npy")
    path.unlink()
    path.write_bytes(b"\x93NUMPY")
    with caplog.at_level(logging.WARNING, logger="nie"):
        np.testing.assert_array_equal(features(kg, "degrees", root=tmp_path).features, first)
    assert "computing degrees again" in caplog.text


def test_full_disk_leaves_nothing_and_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_args: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with caplog.at_level(logging.WARNING, logger="nie"):
        assert features(synthetic(0), "degrees", root=tmp_path).features.shape == (300, 2)
    assert "the features degrees are not kept for the next time: The disk is full" in caplog.text
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EROFS])
def test_a_cache_that_cannot_be_written_does_not_end_the_run(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: Any) -> None:
        raise OSError(number, "cannot")

    monkeypatch.setattr(os, "replace", fail)
    with caplog.at_level(logging.WARNING, logger="nie"):
        assert features(synthetic(0), "degrees", root=tmp_path).features.shape == (300, 2)
    assert "are not kept for the next time" in caplog.text


def test_a_file_in_the_place_of_the_datasets_folder_does_not_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "synthetic").write_text("no folder")
    assert features(synthetic(0), "degrees", root=tmp_path).features.shape == (300, 2)


def test_any_changed_byte_is_computed_again_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kg = synthetic(0)
    first = features(kg, "degrees", root=tmp_path)
    files = sorted(path for path in tmp_path.rglob("degrees-*") if path.is_file())
    assert [path.name.partition(".")[2] for path in files] == ["mask.npy", "npy", "seal.json"]
    for path in files:
        whole = path.read_bytes()
        for content in (b"", b"[]", b"[" * 100_000, whole[:-1] + bytes([whole[-1] ^ 1])):
            path.write_bytes(content)
            caplog.clear()
            with caplog.at_level(logging.WARNING, logger="nie"):
                again = features(kg, "degrees", root=tmp_path)
            assert "computing degrees again" in caplog.text
            np.testing.assert_array_equal(again.features, first.features)
            np.testing.assert_array_equal(again.mask, first.mask)
            assert path.read_bytes() == whole


def test_a_cache_without_a_seal_is_of_an_earlier_version_and_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kg = synthetic(0)
    first = features(kg, "tfidf", root=tmp_path)
    next(tmp_path.rglob("*.seal.json")).unlink()
    forbid(monkeypatch, "tfidf")
    np.testing.assert_array_equal(features(kg, "tfidf", root=tmp_path).features, first.features)


def test_a_file_of_another_key_with_the_same_digits_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kg = synthetic(0)
    monkeypatch.setattr("nie.data.node_features.cache.cache_path", lambda *_: tmp_path / "tfidf-00000000.npy")
    assert [features(kg, "tfidf", root=tmp_path, dim=dim).features.shape[1] for dim in (4, 8)] == [4, 8]
    seal = tmp_path / "tfidf-00000000.seal.json"
    known = json.loads(seal.read_text())
    del known["key"]  # as seals were before they had one
    seal.write_text(json.dumps(known))
    assert check_cached(tmp_path).whole == 3
    forbid(monkeypatch, "tfidf")
    assert features(kg, "tfidf", root=tmp_path, dim=8).features.shape[1] == 8


def forbid(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make computing ``name`` an error; its signature stays."""

    def compute(kg: KnowledgeGraph, *, dim: int = 128, seed: int = 0) -> None:
        raise AssertionError("computed again")

    monkeypatch.setitem(FEATURES, name, replace(FEATURES[name], compute=compute))


@pytest.mark.parametrize("name", ["degrees", "relations", "tfidf"])
def test_what_is_fitted_on_a_graph_tells_of_a_part_what_it_told_of_the_whole(name: str, tmp_path: Path) -> None:
    kg, nodes = synthetic(0), np.array([250, 3, 17])
    settings = {"dim": 3} if name == "relations" else {}
    whole, tell = features(kg, name, root=tmp_path, **settings), feature_of_others(kg, name, **settings)
    assert tell is not None
    part = tell(GraphChange(kg).around(nodes))
    np.testing.assert_allclose(part.features[:3], whole.features[nodes], atol=1e-6)
    assert part.mask[:3].tolist() == whole.mask[nodes].tolist()


def test_what_is_trained_or_given_tells_nothing_of_other_graphs() -> None:
    assert feature_of_others(synthetic(0), "node2vec") is None
    assert feature_of_others(synthetic(0), "structural") is None
