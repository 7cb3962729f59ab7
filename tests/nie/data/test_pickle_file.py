from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pickle_helpers import HANGING, START, function, text

from nie.data import restricted_pickle
from nie.data.pickle_file import load_pickle
from nie.errors import NieError


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def write(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numbers_tensors_and_arrays(tmp_path: Path, protocol: int) -> None:
    value = {
        "tensor": torch.arange(6).reshape(2, 3),
        "view": torch.arange(10.0)[2:8:2],
        "half": torch.ones(2, dtype=torch.float16),
        "bool": torch.tensor([True, False]),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "array": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "scalar": np.float32(2.5),
        "plain": [1, 2.0, "three", None, (True, {4})] if protocol >= 4 else [1, 2.0, "three", None, (True,)],
    }
    again = load_pickle(write(tmp_path / "a.pk", value, protocol))
    assert list(again) == list(value)
    for key, expected in value.items():
        if isinstance(expected, torch.Tensor):
            assert torch.equal(again[key], expected)
            assert again[key].dtype == expected.dtype
        elif isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(again[key], expected)
        else:
            assert again[key] == expected


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda target: Call(os.system, f"touch {target}"), r"(posix|nt).system"),
        (lambda target: Call(subprocess.check_output, ["touch", str(target)]), r"(subprocess|commands).check_output"),
        (lambda target: Call(builtins.eval, f"open({str(target)!r}, 'w')"), r"(builtins|__builtin__).eval"),
        (lambda target: Call(builtins.getattr, {}, "get"), r"(builtins|__builtin__).getattr"),
        (lambda target: Call(torch.load, str(target)), "torch.serialization.load"),
        (lambda target: Call(np.load, str(target)), r"numpy.*load"),
        (lambda target: Call(np.save, str(target), 1), r"numpy.*save"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_functions_are_refused_by_name_and_not_run(tmp_path: Path, call: Any, name: str, protocol: int) -> None:
    target = tmp_path / "pwned"
    write(tmp_path / "a.pk", {"labels": call(target)}, protocol)
    with pytest.raises(NieError, match=rf"a.pk is .* could run code \(it asks to run {name}\)"):
        load_pickle(tmp_path / "a.pk")
    assert not target.exists()


def test_code_inside_a_tensors_storage_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "pwned"
    inner = io.BytesIO()
    torch.save(Call(os.system, f"touch {target}"), inner)
    write(tmp_path / "a.pk", Call(torch.storage._load_from_bytes, inner.getvalue()))
    with pytest.raises(NieError, match=r"a.pk is truncated or not a pickle of tensors"):
        load_pickle(tmp_path / "a.pk")
    assert not target.exists()


def test_code_in_an_object_array_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "pwned"
    write(tmp_path / "a.pk", np.array([Call(os.system, f"touch {target}")], dtype=object))
    with pytest.raises(NieError, match=r"arrays of dtype 'O8' are not allowed"):
        load_pickle(tmp_path / "a.pk")
    assert not target.exists()


def test_other_codecs_are_refused(tmp_path: Path) -> None:
    import codecs

    write(tmp_path / "a.pk", Call(codecs.encode, "uryyb", "rot13"), 2)
    with pytest.raises(NieError, match="the codec 'rot13' is not allowed"):
        load_pickle(tmp_path / "a.pk")


def test_names_reached_through_an_allowed_module_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pk").write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.mro.x\x93.")
    with pytest.raises(NieError, match=r"asks to run numpy.ndarray"):
        load_pickle(tmp_path / "a.pk")


def test_persistent_ids_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pk", _use_new_zipfile_serialization=False)
    content = (tmp_path / "a.pk").read_bytes()
    assert content
    (tmp_path / "b.pk").write_bytes(b"\x80\x04\x8c\x01xQ.")
    with pytest.raises(NieError, match="refers to data outside itself"):
        load_pickle(tmp_path / "b.pk")


@pytest.mark.parametrize("keep", [0, 1, 10, 200])
def test_truncated(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a.pk", {"labels": torch.arange(1000)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(NieError, match=r"a.pk is truncated or not a pickle"):
        load_pickle(path)


def test_not_a_pickle_and_absent(tmp_path: Path) -> None:
    (tmp_path / "a.pk").write_text("node\tscore\n")
    with pytest.raises(NieError, match=r"a.pk is truncated or not a pickle"):
        load_pickle(tmp_path / "a.pk")
    with pytest.raises(NieError, match=r"b.pk is missing"):
        load_pickle(tmp_path / "b.pk")


SET_NONE = b"Ns\x86b."  # ends (None, {key: None}) and sets it as attributes


def interface(typestr: str) -> OrderedDict[str, Any]:
    content: OrderedDict[str, Any] = OrderedDict()
    content.__array_interface__ = {"data": (0x4141414141, False), "shape": (9,), "typestr": typestr, "version": 3}  # type: ignore[attr-defined]
    return content


BLOB: bytes = torch.zeros(1000).__reduce_ex__(2)[1][0].__reduce__()[1][0]
"""The storage of a tensor as a pickle holds it."""


def tensor(*arguments: Any) -> Call:
    return Call(torch._utils._rebuild_tensor_v2, Call(torch.storage._load_from_bytes, BLOB), *arguments, False, {})


def crafted(name: str) -> bytes:
    object_dtype = function("numpy", "dtype") + text("O") + b"\x85R"
    values: dict[str, Any] = {
        "interface": lambda: pickle.dumps(interface("<f8")),
        "interface of objects": lambda: pickle.dumps([interface("|O")]),
        "pointers": lambda: START + function("numpy", "ndarray") + b"(K\x01\x85" + object_dtype + b"C\x08AAAAAAAAtR.",
        "ndarray": lambda: START + function("numpy", "ndarray") + b"K\x01\x85\x85R.",
        "structured": lambda: pickle.dumps(np.zeros(2, dtype=[("a", "f8"), ("b", "O")])),
        "fields": lambda: (
            START + function("numpy", "dtype") + text("f8") + b"\x85R(K\x03" + text("<")
            + b"N" + text("a") + b"\x85}tb."
        ),
        "defaults": lambda: (
            START + function("torch._utils", "_rebuild_tensor_v2") + b"N}" + text("__defaults__") + SET_NONE
        ),
        "code": lambda: START + function("_codecs", "encode") + b"N}" + text("_run") + SET_NONE,
        "storage": lambda: START + function("torch", "FloatStorage") + b"N}" + text("dtype") + SET_NONE,
        "short array": lambda: (
            START + function("numpy._core.numeric", "_frombuffer") + b"(C\x01A" + function("numpy", "dtype")
            + text("f8") + b"\x85RK\x02\x85" + text("C") + b"tR."
        ),
        "out of bounds": lambda: pickle.dumps(tensor(0, (10**6,), (1,))),
        "before": lambda: pickle.dumps(tensor(-5, (2,), (1,))),
        "backwards": lambda: pickle.dumps(tensor(1, (2,), (-1,))),
        "stride 0": lambda: pickle.dumps(tensor(0, (10**11,), (0,))),
        "deep": lambda: START + b"]" * 200_000 + b"a" * 199_999 + b".",
        "function": lambda: START + function("torch._utils", "_rebuild_tensor_v2") + b".",
    }  # fmt: skip
    content: bytes = values[name]()
    return content


CRAFTED = (
    "interface", "interface of objects", "pointers", "ndarray", "structured", "fields", "defaults", "code", "storage",
    "short array", "out of bounds", "before", "backwards", "stride 0", "deep", "function",
)  # fmt: skip

READ = """
import sys, torch
from pathlib import Path
from nie.data.builders.published import published
from nie.errors import NieError
before = torch._utils._rebuild_tensor_v2.__defaults__, torch.FloatStorage.dtype
for path in sys.argv[1:]:
    try:
        published("x", path)
    except NieError as error:
        sys.stdout.write(f"{path} {error}" + chr(10))
assert before == (torch._utils._rebuild_tensor_v2.__defaults__, torch.FloatStorage.dtype)
"""


def test_crafted_files_are_one_error_each(tmp_path: Path) -> None:
    # In a process of its own, as any of them could end it.
    paths = []
    for name in CRAFTED:
        paths.append(tmp_path / f"{name}.pk".replace(" ", "_"))
        paths[-1].write_bytes(crafted(name))
    done = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    refused = [line.split()[0] for line in done.stdout.splitlines()]
    assert refused == [str(path) for path in paths]
    for path in paths:
        with pytest.raises(NieError, match=path.name):
            load_pickle(path)


@pytest.mark.parametrize("name", HANGING)
def test_containers_in_containers_are_not_hashed_compared_or_printed(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.pk").write_bytes(HANGING[name])
    with pytest.raises(NieError, match=r"a.pk is truncated or not a pickle") as caught:
        load_pickle(tmp_path / "a.pk")
    assert len(str(caught.value)) < 400


BYTES, DTYPE = b"B" + struct.pack("<I", 4096) + bytes(4096), function("numpy", "dtype") + text("u1") + b"\x85R"
NAMED_OFTEN = {  # an object of 4 kB, and a call that names it
    "buffer": (
        BYTES,
        function("numpy._core.numeric", "_frombuffer") + b"(h\x00" + DTYPE + b"M\x00\x10\x85" + text("C") + b"tR",
    ),
    "array": (
        BYTES,
        function("numpy._core.multiarray", "_reconstruct") + function("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
        + b"(K\x01M\x00\x10\x85" + DTYPE + b"\x89h\x00tb",
    ),
    "text": (b"X" + BYTES[1:5] + b"x" * 4096, function("_codecs", "encode") + b"h\x00" + text("latin1") + b"\x86R"),
    "dict": (b"(" + b"K\x01K\x02\x86" * 4096 + b"l", function("collections", "OrderedDict") + b"h\x00\x85R"),
    "storage": (
        b"B" + struct.pack("<I", len(BLOB)) + BLOB, function("torch.storage", "_load_from_bytes") + b"h\x00\x85R"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED_OFTEN)
def test_a_large_object_can_be_named_only_so_often(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restricted_pickle, "SMALL", 0)
    large, call = NAMED_OFTEN[name]
    if name != "storage":  # which is content only in a tensor
        (tmp_path / "a.pk").write_bytes(START + large + b"q\x000](" + call * 3 + b"e.")
        assert len(load_pickle(tmp_path / "a.pk")) == 3
    (tmp_path / "a.pk").write_bytes(START + large + b"q\x000](" + call * 1000 + b"e.")
    with pytest.raises(NieError, match=r"a.pk is truncated .*makes far more of its content than it holds"):
        load_pickle(tmp_path / "a.pk")


@pytest.mark.parametrize(
    "opcodes", [b"(" + function("numpy", "dtype") + text("f8") + b"o.", b"(" + text("f8") + b"inumpy\ndtype\n."]
)
def test_what_is_called_otherwise_than_tensors_are_is_refused(opcodes: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pk").write_bytes(START + opcodes)
    with pytest.raises(NieError, match=r"a.pk is truncated or not a pickle"):
        load_pickle(tmp_path / "a.pk")


def test_keys_may_be_tuples_of_plain_values(tmp_path: Path) -> None:
    value = [{(1, "a"), (2, "b")}, {(1, "a"): 2}, {2**63: 1}]
    assert load_pickle(write(tmp_path / "a.pk", value)) == value


@pytest.mark.parametrize("key", [1 << 100, -1 << 100, (1,) * 1000, (1 << 100, 1)])
def test_keys_that_take_long_to_hash_are_refused(key: Any, tmp_path: Path) -> None:
    """Their hash is computed again for each entry, and an entry names its key in two bytes."""
    with pytest.raises(NieError, match="a key of a dict, or what a set holds, is neither a string nor a number"):
        load_pickle(write(tmp_path / "a.pk", {key: None}))


def test_shared_lists_are_read_once(tmp_path: Path) -> None:
    value: list[Any] = [1.0]
    for _ in range(45):
        value = [value, value]
    again = load_pickle(write(tmp_path / "a.pk", value))
    assert again[0] is again[1]


def test_ordered_dict_and_other_layouts(tmp_path: Path) -> None:
    value = OrderedDict(
        big=np.arange(3, dtype=">i4"), words=np.array(["a", "bc"]), repeated=torch.ones(1).expand(4),
        size=torch.Size([2, 3]), none=np.empty((0, 3)), zero=np.float64(1.5).reshape(()),
    )  # fmt: skip
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = load_pickle(write(tmp_path / "a.pk", value, protocol))
        assert type(again) is dict
        np.testing.assert_array_equal(again["big"], [0, 1, 2])
        assert again["words"].tolist() == ["a", "bc"]
        assert again["repeated"].tolist() == [1.0] * 4
        assert again["size"] == (2, 3)
        assert again["none"].shape == (0, 3)
        assert again["zero"] == 1.5
