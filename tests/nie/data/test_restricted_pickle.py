from __future__ import annotations

import builtins
import io
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nie.data.restricted_pickle import load_pickle
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
    with pytest.raises(NieError, match=rf"a.pk asks to run {name}; only torch tensors and numpy arrays"):
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
    with pytest.raises(NieError, match=r"asks to run (posix|nt).system"):
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
    with pytest.raises(NieError, match=r"b.pk does not exist"):
        load_pickle(tmp_path / "b.pk")
