"""Running a test on a backend of the operators."""

from __future__ import annotations

import importlib.util

import pytest
import torch


def use_backend(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Choose the backend for the rest of the test, which is skipped where numba is asked for and not installed."""
    if name == "numba" and importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed: pip install 'nie[fast]'")
    monkeypatch.setenv("NIE_OPS_BACKEND", name)
    return name


def use_any_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Choose the backend that a fixture's parameter names; Triton's kernels run in its interpreter."""
    if request.param != "dgl" and importlib.util.find_spec(request.param) is None:
        extra = {"numba": "fast", "triton": "gpu"}[request.param]
        pytest.skip(f"{request.param} is not installed: pip install 'nie[{extra}]'")
    if request.param == "triton":
        if torch.cuda.is_available():
            pytest.skip("with a GPU Triton does not run on the CPU; triton_backend/test_autograd.py tests it there")
        request.getfixturevalue("quick_interpreter")
    monkeypatch.setenv("NIE_OPS_BACKEND", request.param)
    return str(request.param)
