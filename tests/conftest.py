"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

# The graphs of the tests are small: a second thread costs them more than it gives.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def raw_dir() -> Path:
    """The folder with the datasets' raw files; tests that need it are skipped where it is not."""
    folder = os.environ.get("NIE_RAW_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NIE_RAW_DIR does not name the folder with the datasets' raw files")
    return Path(folder).resolve()
