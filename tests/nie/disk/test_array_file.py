"""nie.disk.array_file: what is whole is read, and whatever else is one sentence, before memory is taken."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nie.disk.array_file import read_npy, read_npz
from nie.errors import NieError

NUMBERS = np.arange(6.0).reshape(2, 3)
ARRAYS: list[np.ndarray[Any, Any]] = [
    NUMBERS, np.asfortranarray(NUMBERS), NUMBERS.astype(">f4"), np.empty((0, 3)), np.float64(2.5).reshape(()),
    np.array([True, False]), np.array(["a", "Zürich"]), np.array([], dtype=np.int64), np.array([b"x"]),
]  # fmt: skip


def written(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def with_header(text: str, content: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    header = text.encode("latin1") + b"\n"
    return (
        b"\x93NUMPY" + bytes(version) + len(header).to_bytes(2 if version[0] == 1 else 4, "little") + header + content
    )


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_whole_arrays_are_read(tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", a=array)
    np.savez_compressed(tmp_path / "b.npz", a=array)
    for again in (
        read_npy(tmp_path / "a.npy"), read_npy(tmp_path / "a.npy", mapped=False),
        read_npz(tmp_path / "a.npz")["a"], read_npz(tmp_path / "b.npz")["a"],
    ):  # fmt: skip
        np.testing.assert_array_equal(again, array)
        assert again.dtype == array.dtype


def test_only_a_mapped_array_is_read_only(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", NUMBERS)
    assert not read_npy(tmp_path / "a.npy").flags.writeable
    read_npy(tmp_path / "a.npy", mapped=False)[0] = 1


HEADERS = {
    "negative": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "gigantic": "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,), }",
    "beyond 64 bits": f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30},), }}",
    "many digits": f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'9' * 5000},), }}",
    "boolean": "{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }",
    "empty but gigantic": f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**18}, 0), }}",
    "many dimensions": f"{{'descr': '<f8', 'fortran_order': False, 'shape': {(1,) * 100}, }}",
    "width 0": "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "fields": "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
    "no literal": "{'descr': '<f8', 'fortran_order': False, 'shape': (2,",
    "no token": "{'descr': '<f8', 'fortran_order': False, 'shape': (2\x00, }",
    "string not closed": "{'descr': '<f8",
    "brackets": "(" * 900,
    "nested": "[" * 150 + "]" * 150,
    "other keys": "{'descr': '<f8', 'shape': (1,), }",
    "list": "[1, 2]",
    "empty": "",
}


@pytest.mark.parametrize("name", HEADERS)
def test_damaged_headers_are_one_sentence_and_take_no_memory(tmp_path: Path, name: str) -> None:
    content = with_header(HEADERS[name], bytes(8))
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    tracemalloc.start()
    try:
        for mapped in (True, False):
            with pytest.raises(NieError, match=r"a\.npy is truncated or not a plain \.npy array \(.*\)\.$") as caught:
                read_npy(tmp_path / "a.npy", mapped=mapped)
            assert len(str(caught.value)) < len(str(tmp_path)) + 200
        with pytest.raises(NieError, match=r"a\.npz is truncated or not a \.npz archive"):
            read_npz(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [
    b"", b"\x93NUMPY", b"\x93NUMPY\x09\x00" + bytes(100), b"not an array", written(NUMBERS)[:-1],
    written(NUMBERS) + b"x", written(np.array([{}], dtype=object)),
])  # fmt: skip
def test_files_that_are_no_array(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(NieError, match=r"a\.npy is truncated or not a plain \.npy array"):
        read_npy(tmp_path / "a.npy")


def test_what_is_no_file(tmp_path: Path) -> None:
    for read in (read_npy, read_npz):
        with pytest.raises(NieError, match="is missing"):
            read(tmp_path / "absent")
        with pytest.raises(NieError, match="truncated or not"):
            read(tmp_path)


def test_archives_that_are_none_of_plain_arrays(tmp_path: Path) -> None:
    def archive(**members: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in members.items():
                made.writestr(name.replace("_", "."), content)
        return stream.getvalue()

    whole = archive(a_npy=written(NUMBERS))
    place = whole.index(b"PK\x01\x02")  # of the directory, which says what is needed to unpack, and how
    cases = {
        "text": archive(ids_txt=b"ann\nbob\n"),
        "other version": whole[: place + 6] + b"\xff" + whole[place + 7 :],
        "other compression": whole[: place + 10] + b"\x63" + whole[place + 11 :],
        "encrypted": whole[: place + 8] + b"\x01" + whole[place + 9 :],
        "truncated": whole[: len(whole) // 2],
        "changed": whole[: place - 9] + b"\x00\xff" + whole[place - 7 :],
        "trailing numbers": archive(a_npy=written(NUMBERS) + bytes(8)),
        "no zip": b"PK\x03\x04" + bytes(100),
        "empty": b"",
    }
    for name, content in cases.items():
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(NieError, match=r"a\.npz is truncated or not a \.npz archive of plain arrays"):
            read_npz(tmp_path / "a.npz")
            raise AssertionError(name)


def test_an_archive_that_expands_out_of_proportion_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in "abcde":
            with archive.open(f"{name}.npy", "w") as stream:
                stream.write(with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (8388608,), }"))
                for _ in range(64):
                    stream.write(bytes(1 << 20))
    with pytest.raises(NieError, match=r"a\.npz would expand from 1,\d{3},\d{3} to 335,\d+,\d+ bytes.* without comp"):
        read_npz(tmp_path / "a.npz")


def test_any_changed_byte_is_read_or_one_sentence(tmp_path: Path) -> None:
    draw, file = random.Random(0), tmp_path / "a.npz"
    np.savez_compressed(file, ids=np.arange(9), names=np.array(["ann", "bob"]), features=NUMBERS)
    for read, whole in ((read_npz, file.read_bytes()), (read_npy, written(NUMBERS))):
        for _ in range(400):
            content = bytearray(whole)
            for _ in range(draw.choice((1, 1, 2, 8))):
                content[draw.randrange(len(content))] = draw.randrange(256)
            file.write_bytes(content[: draw.choice((None, None, draw.randrange(len(content))))])
            try:
                read(file)
            except NieError as error:
                assert "\n" not in str(error)  # noqa: PT017
