"""Running a test on a backend of the operators."""

from __future__ import annotations

import importlib.util

import pytest


def use_backend(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Choose the backend for the rest of the test, which is skipped where numba is asked for and not installed."""
    if name == "numba" and importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed: pip install -e '.[fast]' in nie's folder")
    monkeypatch.setenv("NIE_OPS_BACKEND", name)
    return name
