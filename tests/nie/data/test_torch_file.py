"""nie.data.torch_file."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pickle_helpers import HANGING

from nie.data.pickle_file import load_pickle
from nie.data.torch_file import load_torch
from nie.errors import NieError

KINDS = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.complex128, torch.complex64,
)  # fmt: skip


def save(content: Any, path: Path, zipped: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_reads_is_read_alike(zipped: bool, tmp_path: Path) -> None:
    table = torch.arange(12.0).reshape(3, 4)
    content = {
        **{str(kind): torch.tensor([0, 1, 1]).to(kind) for kind in KINDS},
        "parts": [table, table.T, table[1:, ::2], table.view(-1), torch.empty(0, 3), torch.tensor(2.0)],
        "parameter": torch.nn.Parameter(table),
        "words": ("a", None, True, 1.5, {3: [4]}),
    }
    path = save(content, tmp_path / "a.pth", zipped)
    assert same(load_torch(path), torch.load(path, weights_only=True))
    parts = load_torch(path)["parts"]
    parts[0][0, 0] = 7
    assert parts[3][0] == 7  # they share a storage, as they did


@pytest.mark.parametrize("zipped", [True, False])
def test_the_weights_of_a_model(zipped: bool, tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    state = model.state_dict()
    assert isinstance(state, OrderedDict)
    again = load_torch(save(state, tmp_path / "a.pth", zipped))
    assert type(again) is dict
    model.load_state_dict(again)
    assert same(dict(state), again)


def rewritten(path: Path, pickled: bytes) -> None:
    """Put another pickle into a file of the format of today."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, pickled if name.endswith("/data.pkl") else content)


def old_format(pickled: bytes) -> bytes:
    """A file of the older format that holds this pickle and no storage."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in head) + pickled + pickle.dumps([], 2)


@pytest.mark.parametrize("name", HANGING)
def test_containers_in_containers_are_not_hashed(name: str, tmp_path: Path) -> None:
    path = save({}, tmp_path / "a.pth", zipped=True)
    rewritten(path, HANGING[name])
    with pytest.raises(NieError, match=r"a\.pth is damaged, or holds more than tensors"):
        load_torch(path)
    path.write_bytes(old_format(HANGING[name]))
    with pytest.raises(NieError, match=r"a\.pth is damaged, or holds more than tensors"):
        load_torch(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_storage_cannot_be_larger_than_the_file(zipped: bool, tmp_path: Path) -> None:
    """The number of its entries, 77, is 10**12 instead, wherever the file says it."""
    path = save(torch.zeros(77), tmp_path / "a.pth", zipped)
    huge = b"\x8a\x08" + struct.pack("<q", 10**12)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            pickled = archive.read("archive/data.pkl" if "archive/data.pkl" in archive.namelist() else "a/data.pkl")
        rewritten(path, pickled.replace(b"KM", huge))
    else:
        path.write_bytes(
            path.read_bytes().replace(b"KM", huge).replace(struct.pack("<q", 77), struct.pack("<q", 10**12))
        )
    with pytest.raises(NieError, match=r"the storage '\d+' (has 308|asks for 4000000000000) bytes"):
        load_torch(path)


@pytest.mark.parametrize("opcode", [b"\x95", b"\x96", b"\x8e", b"\x8d"])
@pytest.mark.parametrize("size", [1 << 33, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_a_pickle_cannot_ask_for_more_bytes_than_there_are(opcode: bytes, size: int, tmp_path: Path) -> None:
    (tmp_path / "a.pk").write_bytes(b"\x80\x05" + opcode + struct.pack("<Q", size) + b"few.")
    with pytest.raises(NieError, match=r"a\.pk is truncated or not a pickle"):
        load_pickle(tmp_path / "a.pk")


def test_damage_anywhere_is_one_sentence_or_the_same_form(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for zipped in (True, False):
        whole = save({"features": torch.ones(3, 2), "ids": [0, 1, 2]}, tmp_path / "a.pth", zipped).read_bytes()
        for _ in range(300):
            content = bytearray(whole)
            content[generator.integers(len(content))] = generator.integers(256)
            (tmp_path / "a.pth").write_bytes(content)
            with contextlib.suppress(NieError):
                load_torch(tmp_path / "a.pth")


def test_storages_that_are_shared_by_name_must_agree(tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save([torch.ones(2), torch.ones(2, dtype=torch.float64)], stream, _use_new_zipfile_serialization=False)
    (tmp_path / "a.pth").write_bytes(stream.getvalue())
    assert [part.dtype for part in load_torch(tmp_path / "a.pth")] == [torch.float32, torch.float64]
    path = save([torch.ones(4), torch.ones(2, dtype=torch.float64)], tmp_path / "b.pth", zipped=True)
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))
    rewritten(path, pickled.replace(b"X\x01\x00\x00\x001", b"X\x01\x00\x00\x000"))
    with pytest.raises(NieError, match="the storage '0' is of two kinds"):
        load_torch(path)
