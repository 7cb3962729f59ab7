"""nie.ops.numba_backend.threads."""

from __future__ import annotations

import multiprocessing
import os

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="numba is not installed: pip install 'nie[fast]'")

from nie.ops.numba_backend import threads
from nie.ops.numba_backend.kernels import compiled


@compiled
def count(first, last, x, sums):  # type: ignore[no-untyped-def]
    for i in range(first, last):
        sums[0] += x[i]


@pytest.fixture(autouse=True)
def two_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def chunk_sums() -> list[float]:
    sums = np.zeros((3, 1))
    threads.run(count, [(0, 2), (2, 2), (2, 5)], np.arange(5.0), threads.PerChunk(sums))
    return sums[:, 0].tolist()


def test_every_chunk_runs_once_with_its_own_row() -> None:
    assert chunk_sums() == [1.0, 0.0, 9.0]


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # newer Pythons warn of forks beside threads
def test_a_forked_child_has_threads_of_its_own() -> None:
    chunk_sums()  # the parent's threads exist
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(chunk_sums).get(timeout=60) == [1.0, 0.0, 9.0]


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    def fail(first: int, last: int, x: np.ndarray) -> None:
        if last:
            raise ValueError("broken")

    fail.stats = type("Stats", (), {"cache_misses": {}})()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="broken"):
        threads.run(fail, [(0, 1), (1, 2)], np.zeros(1))
