"""nie.ops.backend: which implementation runs."""

from __future__ import annotations

import pytest
import torch

from nie.errors import NieError
from nie.ops import backend


@pytest.mark.parametrize(("installed", "chosen"), [(True, "numba"), (False, "dgl")])
def test_numba_where_it_is_installed(installed: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIE_OPS_BACKEND", raising=False)
    monkeypatch.setattr(backend, "_has_numba", lambda: installed)
    assert backend.choose_backend(torch.zeros(1)) == chosen
    assert backend.choose_backend(torch.zeros(1, dtype=torch.bfloat16)) == "dgl"


@pytest.mark.parametrize("wanted", backend.BACKENDS)
def test_the_environment_overrides(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIE_OPS_BACKEND", wanted)
    monkeypatch.setattr(backend, "_has_numba", lambda: True)
    assert backend.choose_backend(torch.zeros(1)) == wanted


@pytest.mark.parametrize(
    ("wanted", "installed", "dtype", "message"),
    [
        ("nubma", True, torch.float32, "did you mean 'numba'"),
        ("numba", False, torch.float32, r"pip install -e '.\[fast\]'"),
        ("numba", True, torch.bfloat16, "does not run torch.bfloat16"),
    ],
)
def test_an_impossible_choice_is_one_sentence(
    wanted: str, installed: bool, dtype: torch.dtype, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIE_OPS_BACKEND", wanted)
    monkeypatch.setattr(backend, "_has_numba", lambda: installed)
    with pytest.raises(NieError, match=message):
        backend.choose_backend(torch.zeros(1, dtype=dtype))
