from __future__ import annotations

import errno
import json
import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nie.data import KnowledgeGraph, read, save, synthetic
from nie.data.store import SEAL
from nie.disk.seal import seal
from nie.errors import NieError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(synthetic(0), tmp_path / "processed")
    return tmp_path / "processed"


def reseal(folder: Path) -> None:
    """Seal what a test has changed, as if it had been written so."""
    (folder / SEAL).unlink()
    (folder / SEAL).write_text(json.dumps(seal(folder)))


def test_round_trip(folder: Path) -> None:
    kg, again = synthetic(0), read(folder)
    assert again.digest == kg.digest
    assert again.text_digest == kg.text_digest
    assert list(again.relation_names) == list(kg.relation_names)
    assert again.meta == kg.meta
    for name, channel in kg.channels.items():
        np.testing.assert_array_equal(again.channels[name].features, channel.features)
        np.testing.assert_array_equal(again.channels[name].mask, channel.mask)


def test_arrays_stay_on_disk(folder: Path) -> None:
    owner: Any = read(folder).src
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap.mmap)


def test_no_pickle_is_written(folder: Path) -> None:
    for path in folder.rglob("*.npy"):
        np.load(path, allow_pickle=False)
    assert {path.suffix for path in folder.rglob("*.*")} == {".npy", ".json"}


def test_save_replaces_an_older_one(folder: Path) -> None:
    save(synthetic(1), folder)
    assert read(folder).digest == synthetic(1).digest
    assert [path.name for path in folder.parent.iterdir()] == ["processed"]


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"meta.json is missing"):
        read(tmp_path / "nothing")


@pytest.mark.parametrize("file", ["meta.json", "names.json", "text.json", "src.npy", "channels/semantic.mask.npy"])
@pytest.mark.parametrize("damage", ["removed", "truncated", "garbage"])
def test_damaged(folder: Path, file: str, damage: str) -> None:
    path = folder / file
    content = path.read_bytes()
    path.unlink()
    if damage != "removed":
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"\x80\x04garbage")
    with pytest.raises(NieError, match=path.name):
        read(folder)


DAMAGED = "is damaged, so build the dataset again"


def edit(folder: Path, file: str, changes: dict[str, Any]) -> None:
    """Change keys of a JSON file; ... takes one out."""
    document = {**json.loads((folder / file).read_text()), **changes}
    (folder / file).write_text(json.dumps({key: value for key, value in document.items() if value is not ...}))


@pytest.mark.parametrize(("file", "changes", "words"), [
    ("meta.json", {"version": 99}, r"meta.json: format 'nie-graph' version 99 .* build the dataset again"),
    ("meta.json", {"counts": ...}, "lacks the key 'counts'"),
    ("meta.json", {"counts": {"edges": 1}}, "but its meta.json says"),
    *[("meta.json", changes, DAMAGED) for changes in (
        {"name": 5}, {"channels": None}, {"channels": {}}, {"channels": [1]}, {"meta": None}, {"meta": []},
        {"meta": {"options": 5}}, {"meta": {"notes": []}}, {"meta": {"label_transform": []}}, {"digest": "0"},
        {"held_out": "ab"},
    )],
    *[("names.json", changes, DAMAGED) for changes in ({"nodes": None}, {"relations": "abc"}, {"nodes": [1] * 300})],
])  # fmt: skip
def test_documents_of_another_form(folder: Path, file: str, changes: dict[str, Any], words: str) -> None:
    edit(folder, file, changes)
    reseal(folder)
    with pytest.raises(NieError, match=words):
        read(folder)


def test_arrays_that_do_not_fit(folder: Path) -> None:
    np.save(folder / "src.npy", np.arange(3))
    reseal(folder)
    with pytest.raises(NieError, match=r"is damaged, so build the dataset again: .*one length"):
        read(folder)


def test_pickled_array_is_refused(folder: Path) -> None:
    np.save(folder / "src.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    reseal(folder)
    with pytest.raises(NieError, match=r"src.npy is truncated or not a plain .npy array"):
        read(folder)


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = np.save, []

    def full(path: Path, array: Any, **options: Any) -> None:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        real(path, array, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(NieError, match=r"The disk is full: .*processed was not written"):
        save(synthetic(0), tmp_path / "processed")
    assert list(tmp_path.iterdir()) == []


def test_full_disk_keeps_the_older_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(NieError, match="disk is full"):
        save(synthetic(1), folder)
    assert read(folder).digest == synthetic(0).digest


def test_names_beyond_ascii(tmp_path: Path) -> None:
    kg = KnowledgeGraph("u", [0], [0], [0], [1.0], [True], ["Zürich 蘇黎世"], ["→"], ['"quoted"\n'])  # type: ignore[arg-type]
    save(kg, tmp_path / "u")
    assert read(tmp_path / "u").text_digest == kg.text_digest
    assert read(tmp_path / "u").structure_digest == kg.structure_digest


@pytest.mark.parametrize("file", ["src", "etype", "labels", "label_mask", "channels/semantic.features"])
@pytest.mark.parametrize("kind", ["U3", "c16"])
def test_wrong_kinds_of_arrays(folder: Path, file: str, kind: str) -> None:
    array = np.load(folder / f"{file}.npy")
    np.save(folder / f"{file}.npy", array.astype(kind))
    reseal(folder)
    with pytest.raises(NieError, match=DAMAGED):
        read(folder)


def test_text_of_numbers(folder: Path) -> None:
    (folder / "text.json").write_text(json.dumps([5] * 300))
    reseal(folder)
    with pytest.raises(NieError, match="text must be a list of strings"):
        read(folder)


def test_other_labels_are_noticed(folder: Path) -> None:
    labels = np.load(folder / "labels.npy")
    np.save(folder / "labels.npy", labels + 1)
    reseal(folder)
    with pytest.raises(NieError, match="its content has another digest"):
        read(folder)


def test_every_changed_byte_is_found_and_named(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    assert len(files) == 12
    for path in files:
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(NieError, match=rf"{path.name}"):
                read(folder)
        path.write_bytes(whole)
    assert read(folder).digest == synthetic(0).digest


def test_a_changed_label_transform_is_found(folder: Path) -> None:
    path = folder / "meta.json"
    path.write_text(path.read_text().replace('"label_transform": "log1p"', '"label_transform": "none"'))
    with pytest.raises(NieError, match=r"is damaged, so build the dataset again: meta.json is missing or changed"):
        read(folder)
    reseal(folder)
    with pytest.raises(NieError, match="its content has another digest"):
        read(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "[" * 100_000, "\x00"])
def test_a_damaged_or_missing_seal_is_one_sentence(folder: Path, text: str) -> None:
    (folder / SEAL).write_text(text)
    with pytest.raises(NieError, match=r"build (the dataset|it again)|missing or changed"):
        read(folder)
    (folder / SEAL).unlink()
    with pytest.raises(NieError, match=r"seal.json is missing; build the dataset first"):
        read(folder)


def test_a_file_that_the_seal_leaves_out_is_named(folder: Path) -> None:
    edit(folder, SEAL, {"channels/semantic.mask.npy": ...})
    with pytest.raises(NieError, match=r"channels/semantic.mask.npy is missing or changed"):
        read(folder)


def test_a_store_of_the_version_before_has_no_seal(folder: Path) -> None:
    edit(folder, "meta.json", {"version": 1})
    with pytest.raises(NieError, match=r"meta.json is missing or changed"):  # one that had a seal keeps it
        read(folder)
    (folder / SEAL).unlink()
    assert read(folder).digest == synthetic(0).digest


def test_deeply_nested_json_is_one_sentence(folder: Path) -> None:
    for name in ("meta.json", "names.json", "text.json"):
        whole = (folder / name).read_text()
        (folder / name).write_text("[" * 100_000)
        with pytest.raises(NieError, match=rf"{name}"):
            read(folder)
        (folder / name).write_text(whole)


def test_what_json_cannot_hold_is_one_sentence(tmp_path: Path) -> None:
    circle: list[Any] = []
    circle.append(circle)
    kg = synthetic(0)
    for meta in ({"a": {1, 2}}, {"a": circle}, {"a": np.ones(3)}, {"a": {(1, 2): 3}}):
        with pytest.raises(NieError, match=r"What meta.json is to hold cannot be written as JSON"):
            save(replace(kg, meta=meta), tmp_path / "processed")
    with pytest.raises(NieError, match=r"What names.json is to hold cannot be written as JSON in UTF-8"):
        save(replace(kg, node_names=["\ud800", *kg.node_names[1:]]), tmp_path / "processed")
    assert list(tmp_path.iterdir()) == []
