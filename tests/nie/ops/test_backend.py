"""nie.ops.backend: which implementation runs."""

from __future__ import annotations

import pytest
import torch

from nie.errors import NieError
from nie.ops import backend


@pytest.mark.parametrize(("installed", "chosen"), [(True, "numba"), (False, "dgl")])
def test_numba_where_it_is_installed(installed: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIE_OPS_BACKEND", raising=False)
    monkeypatch.setattr(backend, "_is_installed", lambda _: installed)
    assert backend.choose_backend(torch.zeros(1)) == chosen
    assert backend.choose_backend(torch.zeros(1, dtype=torch.bfloat16)) == "dgl"


@pytest.mark.parametrize("wanted", backend.BACKENDS)
def test_environment_and_argument_override(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIE_OPS_BACKEND", wanted)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(backend, "_is_installed", lambda _: True)
    assert backend.choose_backend(torch.zeros(1)) == wanted
    assert backend.choose_backend(torch.zeros(1), "dgl") == "dgl"


def test_heads_too_wide_for_numba_run_on_dgl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIE_OPS_BACKEND", raising=False)
    wide = torch.zeros(2, 1, 1025)
    assert backend.choose_backend(wide) == "dgl"
    with pytest.raises(NieError, match="at most 1024 values, not 1025"):
        backend.choose_backend(wide, "numba")


def test_triton_needs_a_gpu_or_its_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(backend, "_is_installed", lambda _: True)
    with pytest.raises(NieError, match=r"'triton'.*does not run on cpu"):
        backend.choose_backend(torch.zeros(1), "triton")


@pytest.mark.parametrize(
    ("wanted", "installed", "dtype", "message"),
    [
        ("nubma", True, torch.float32, "did you mean 'numba'"),
        ("numba", False, torch.float32, r"pip install 'nie\[fast\]'"),
        ("numba", True, torch.bfloat16, "takes float32 and float64, not torch.bfloat16"),
    ],
)
def test_an_impossible_choice_is_one_sentence(
    wanted: str, installed: bool, dtype: torch.dtype, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIE_OPS_BACKEND", wanted)
    monkeypatch.setattr(backend, "_is_installed", lambda _: installed)
    with pytest.raises(NieError, match=message):
        backend.choose_backend(torch.zeros(1, dtype=dtype))
