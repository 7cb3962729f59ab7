"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

if not torch.cuda.is_available():
    # Triton reads it while it is imported: its kernels then run in its interpreter, on the CPU. What runs without being
    # asked for is not changed by it.
    os.environ["TRITON_INTERPRET"] = "1"

# The graphs of the tests are small: a second thread costs them more than it gives.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked ``cuda`` where there is no GPU."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU that torch can use"))


@pytest.fixture(scope="session")
def quick_interpreter() -> Iterator[None]:
    """Halve the time of Triton's interpreter, where it is in use: leave out work that it repeats at every call."""
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    call, called = interpreter.InterpretedFunction.__call__, set()

    def call_once_patched(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.fn in called:  # what it needs of triton.language is replaced since its first call
            return self.rewrite()(*arguments, **options)
        called.add(self.fn)
        return call(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter.InterpretedFunction, "__call__", call_once_patched)
        # It checks each integer operation for overflow, and then does nothing unless told to debug.
        unchecked = interpreter.InterpreterOptions(sanitize_overflow=False)
        patch.setattr(interpreter.interpreter_builder, "options", unchecked)
        yield


@pytest.fixture(scope="session")
def raw_dir() -> Path:
    """The folder with the datasets' raw files; tests that need it are skipped where it is not."""
    folder = os.environ.get("NIE_RAW_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NIE_RAW_DIR does not name the folder with the datasets' raw files")
    return Path(folder).resolve()
