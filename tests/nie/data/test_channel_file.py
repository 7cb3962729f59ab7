"""nie.data.channel_file."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nie.data import build, load
from nie.data.channel_file import read_channel_file
from nie.errors import NieError

NAMES = ["ann", "bob", "cyd"]
ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_rows_in_the_order_of_the_nodes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    np.savez(tmp_path / "a.npz", ROWS)
    torch.save(torch.from_numpy(ROWS), tmp_path / "a.pth")
    torch.save({"ent.weight": torch.from_numpy(ROWS), "bias": torch.ones(3)}, tmp_path / "a.pt")
    for name in ("a.npy", "a.npz", "a.pth", "a.pt"):
        channel = read_channel_file(tmp_path / name, "image", NAMES)
        np.testing.assert_array_equal(channel.features, ROWS)
        assert channel.mask.all()


def test_rows_find_their_nodes(tmp_path: Path) -> None:
    np.savez(tmp_path / "names.npz", features=ROWS[:2], names=["cyd", "ann"])
    np.savez(tmp_path / "ids.npz", features=ROWS[:2], ids=[2, 0])
    torch.save({"embeddings": torch.from_numpy(ROWS[:2]), "ids": torch.tensor([2, 0])}, tmp_path / "ids.pth")
    torch.save({"embeddings": torch.from_numpy(ROWS[:2]), "names": ["cyd", "ann"]}, tmp_path / "names.pth")
    for name in ("names.npz", "ids.npz", "ids.pth", "names.pth"):
        channel = read_channel_file(tmp_path / name, "image", NAMES)
        np.testing.assert_array_equal(channel.features, [[2, 3], [0, 0], [0, 1]])
        assert channel.mask.tolist() == [True, False, True]


def test_names_that_are_numbers_are_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", features=ROWS, names=[2, 0, 1])
    channel = read_channel_file(tmp_path / "f.npz", "image", ["0", "1", "2"])
    np.testing.assert_array_equal(channel.features, ROWS[[1, 2, 0]])
    with pytest.raises(NieError, match="a row for '2', which is no node"):
        read_channel_file(tmp_path / "f.npz", "image", NAMES)


@pytest.mark.parametrize("ids", [None, "ids", "names"])
def test_nodes_whose_names_are_numbers_have_the_rows_of_these_numbers(ids: str | None, tmp_path: Path) -> None:
    """300 nodes in the order of first appearance in triples, and an array with row i for the node called i."""
    names = [str(number) for number in np.random.default_rng(0).permutation(300)]
    rows = np.arange(300.0)[:, None]
    np.savez(tmp_path / "f.npz", features=rows, **({ids: np.arange(300)} if ids else {}))
    channel = read_channel_file(tmp_path / "f.npz", "image", names)
    assert channel.features[:, 0].astype(int).tolist() == [int(name) for name in names]


@pytest.mark.parametrize("names", [NAMES, ["1", "2", "3"], ["0", "01", "2"]])
def test_rows_that_only_their_place_matches_are_shown(
    names: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    np.save(tmp_path / "f.npy", ROWS)
    np.testing.assert_array_equal(read_channel_file(tmp_path / "f.npy", "image", names).features, ROWS)
    assert f"by their place in the graph: 0 to '{names[0]}', 1 to '{names[1]}', 2 to '{names[2]}'" in caplog.text


def test_a_vector_by_the_name_of_its_node(tmp_path: Path) -> None:
    torch.save({"cyd": torch.ones(2), "ann": torch.zeros(2)}, tmp_path / "f.pth")
    channel = read_channel_file(tmp_path / "f.pth", "image", NAMES)
    np.testing.assert_array_equal(channel.features, [[0, 0], [0, 0], [1, 1]])
    assert channel.mask.tolist() == [True, False, True]
    torch.save({f"n{i}": torch.ones(1 + i % 2) for i in range(1_000)}, tmp_path / "f.pth")
    with pytest.raises(NieError, match="it holds 'n0', 'n1', 'n2', 'n3', 'n4' and 995 more") as raised:
        read_channel_file(tmp_path / "f.pth", "image", NAMES)
    assert len(str(raised.value)) < 300


def test_a_row_of_nan_says_that_a_node_lacks_the_channel(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.where([[True], [False], [True]], ROWS, np.nan))
    channel = read_channel_file(tmp_path / "f.npy", "image", NAMES)
    assert channel.mask.tolist() == [True, False, True]
    np.testing.assert_array_equal(channel.features[1], 0)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((2, 2)), r"f.npy: channel image has 2 rows, but the graph has 3 nodes"),
        (np.ones(3), r"f.npy: channel image must be numbers \(N, d\); got float64 of shape \(3,\)"),
        (np.array([["a"]] * 3), r"f.npy: channel image must be numbers \(N, d\); got <U1"),
        (np.array([[1.0], [1e300], [1.0]]), r"f.npy: row 1 of channel image is too large for float32"),
        (np.array([[1.0], [np.inf], [1.0]]), r"f.npy: row 1 of channel image is not finite"),
        (np.full((3, 2), np.nan), r"f.npy: every row of channel image is nan"),
    ],
)
def test_bad_rows(tmp_path: Path, array: np.ndarray[Any, Any], words: str) -> None:
    np.save(tmp_path / "f.npy", array)
    with pytest.raises(NieError, match=words):
        read_channel_file(tmp_path / "f.npy", "image", NAMES)


def test_a_bad_row_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", features=[[1.0], [2.0], [np.inf]], names=["cyd", "bob", "ann"])
    with pytest.raises(NieError, match="row 2 of channel image is not finite"):
        read_channel_file(tmp_path / "f.npz", "image", NAMES)


@pytest.mark.parametrize("rows", [ROWS.tolist(), [*torch.from_numpy(ROWS)], [*map(tuple, ROWS.tolist())]])
def test_lists_of_rows_in_a_file_of_torch(rows: Any, tmp_path: Path) -> None:
    torch.save({"features": rows}, tmp_path / "f.pth")
    np.testing.assert_array_equal(read_channel_file(tmp_path / "f.pth", "image", NAMES).features, ROWS)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"features": ROWS, "names": ["ann", "bob", "dan"]}, "a row for 'dan', which is no node"),
        ({"features": ROWS, "ids": [0, 1, 7]}, "a row for 7, which is no node"),
        ({"features": ROWS, "ids": [0, 1, -1]}, "a row for -1, which is no node"),
        ({"features": ROWS, "ids": [0, 1, 1]}, "two rows for 1"),
        ({"features": ROWS, "ids": [0, 1]}, r"must be \(3,\), one for each row; got \(2,\)"),
        ({"a": ROWS, "b": ROWS}, "must hold an array features .* it holds 'a', 'b'"),
        ({}, "holds nothing"),
        ({"features": ROWS, "ids": [0.0, 1.0, 2.0]}, "must be names or whole numbers; got float64"),
        ({"features": ROWS, "ids": [True, False, True]}, "got bool"),
        ({"features": np.empty((3, 0))}, "must have at least one column"),
    ],
)
def test_bad_archives(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(NieError, match=words):
        read_channel_file(tmp_path / "f.npz", "image", NAMES)


def test_whose_a_row_is_must_be_clear(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", features=ROWS[:2], names=["ann", "bob"])
    with pytest.raises(NieError, match="two nodes are called 'ann', so its row in image may be of either"):
        read_channel_file(tmp_path / "f.npz", "image", ["ann", "bob", "ann"])
    assert read_channel_file(tmp_path / "f.npz", "image", ["ann", "bob", "cyd", "cyd"]).mask.sum() == 2
    torch.save({1: torch.ones(2), "1": torch.zeros(2)}, tmp_path / "f.pth")
    with pytest.raises(NieError, match="holds '1' twice, as a word and as a number"):
        read_channel_file(tmp_path / "f.pth", "image", ["0", "1"])


class Harmful:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("harmed",)


def test_code_in_a_file_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"features": Harmful()}, tmp_path / "f.pth")
    np.savez(tmp_path / "f.npz", features=np.array([Harmful()], dtype=object))
    for name, words in (("f.pth", "could run code"), ("f.npz", "truncated or not")):
        with pytest.raises(NieError, match=words):
            read_channel_file(tmp_path / name, "image", NAMES)
    assert not (tmp_path / "harmed").exists()


def test_what_is_no_table_in_a_file_of_torch(tmp_path: Path) -> None:
    torch.save({"features": torch.from_numpy(ROWS), "notes": [[1], [2, 3]]}, tmp_path / "f.pth")
    assert read_channel_file(tmp_path / "f.pth", "image", NAMES).mask.all()
    bad = {
        "asks to run torch._utils._rebuild_sparse_tensor": [torch.eye(3).to_sparse()],
        "features is no plain tensor or list of equal rows": [
            [[1.0], [2.0, 3.0]], [[[1.0]]], [[torch.ones(3)]], [[1.0] * 3000] * 30_000,
            functools.reduce(lambda half, _: [half, half], range(45), [1.0]),
        ],
    }  # fmt: skip
    for words, features in [(words, features) for words, every in bad.items() for features in every]:
        torch.save({"features": features}, tmp_path / "f.pth")
        with pytest.raises(NieError, match=words):
            read_channel_file(tmp_path / "f.pth", "image", NAMES)


@pytest.mark.parametrize("name", ["f.npy", "f.npz", "f.pth"])
def test_files_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(NieError, match="is missing"):
        read_channel_file(tmp_path / name, "image", NAMES)
    (tmp_path / name).write_bytes(b"not an array")
    with pytest.raises(NieError, match=r"truncated|damaged"):
        read_channel_file(tmp_path / name, "image", NAMES)
    with pytest.raises(NieError, match=r"must end in one of \.npy"):
        read_channel_file(tmp_path / "f.csv", "image", NAMES)


def test_tensors_that_repeat_a_few_numbers_without_end_are_refused(tmp_path: Path) -> None:
    for content in (
        {"features": torch.ones(1).expand(10**6, 10**6)},
        {"features": torch.ones(1, dtype=torch.float16).expand(3, 10**9)},
        {f"n{node}": torch.ones(1).expand(1 << 24) for node in range(30)},
        dict.fromkeys([f"n{node}" for node in range(30)], torch.ones(1).expand(1 << 24)),
    ):
        torch.save(content, tmp_path / "f.pth")
        with pytest.raises(NieError, match=r"f.pth .*makes far more of its content than it holds"):
            read_channel_file(tmp_path / "f.pth", "image", NAMES)
    torch.save({"features": torch.ones(1).expand(3, 2)}, tmp_path / "f.pth")
    assert read_channel_file(tmp_path / "f.pth", "image", NAMES).mask.all()


def test_a_file_of_torch_cut_anywhere_is_one_sentence(tmp_path: Path) -> None:
    for zipped in (True, False):
        torch.save({"features": torch.from_numpy(ROWS)}, tmp_path / "f.pth", _use_new_zipfile_serialization=zipped)
        whole = (tmp_path / "f.pth").read_bytes()
        for keep in range(0, len(whole) - 1, len(whole) // 40):
            (tmp_path / "f.pth").write_bytes(whole[:keep])
            with pytest.raises(NieError, match="damaged"):
                read_channel_file(tmp_path / "f.pth", "image", NAMES)


def test_a_row_of_no_node_in_a_parquet_file_is_told(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"node": ["ann", None], "features": [[1.0], [2.0]]}), tmp_path / "f.parquet")
    with pytest.raises(NieError, match="must have a name in every row"):
        read_channel_file(tmp_path / "f.parquet", "image", NAMES)


def test_build_adds_channels_to_any_graph(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("ann\tknows\tbob\nbob\tknows\tcyd\n")
    np.savez(tmp_path / "image.npz", features=ROWS[:1], names=["cyd"])
    build("mine", tmp_path, triples=tmp_path / "t.tsv", features={"image": tmp_path / "image.npz"})
    kg = load("mine", tmp_path)
    assert kg.channels["image"].mask.tolist() == [False, False, True]
    assert set(kg.meta["raw"]) == {"t.tsv", "image.npz"}
    assert not kg.label_mask.any()
    for features in ("x", [1], {"x": 5}):
        with pytest.raises(NieError, match=r"^(features|the file of channel x) must be a "):
            build("mine", tmp_path, triples=tmp_path / "t.tsv", features=features)  # type: ignore[arg-type]
    with pytest.raises(NieError, match="The channel name"):
        build("mine", tmp_path, triples=tmp_path / "t.tsv", features={"../x": tmp_path / "image.npz"})
