"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.doctest import DoctestModule
from kernel_cache import share_kernels

MOST_PROCESSES = 4
"""Each needs a gigabyte and imports torch and DGL of its own; a machine with many cores may be told ``-n 16``."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite on several cores where nobody says how many: ``-n 0`` keeps it in one process.

    A test that is asked for by its path or node id runs in this process, because it would end before others had
    imported what they need. Each process starts with neighbouring tests and takes others' when it has none left.
    """
    option, whole = config.option, config.args_source is not pytest.Config.ArgsSource.ARGS
    inside = hasattr(config, "workerinput") or option.collectonly or option.usepdb
    if whole and not inside and getattr(option, "numprocesses", 0) is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        option.numprocesses = min(cores, MOST_PROCESSES) if cores > 1 else None
        if option.dist == "no":
            option.dist = "worksteal"


def pytest_configure(config: pytest.Config) -> None:
    """Set what is computed with; the process that only hands tests out loads no torch, so that others start sooner."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        return
    import torch

    if not torch.cuda.is_available():
        # Triton reads it while it is imported: its kernels then run in its interpreter, on the CPU. What runs without
        # being asked for is not changed by it.
        os.environ["TRITON_INTERPRET"] = "1"
    share_kernels()
    # The graphs of the tests are small: a second thread costs more than it gives, also in processes that tests start.
    torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[Any], list[Any]]:
    """Look for no doctests in tests: one that cannot be imported would be skipped as they are, and not be an error."""
    return [found for found in (yield) if not isinstance(found, DoctestModule)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked ``cuda`` where there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU that torch can use"))


def pytest_collection_finish() -> None:
    """Tell the garbage collector that what is imported stays: looking through it took 4 % of the time."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let what is frozen be freed at the end: libraries in C++ would call it a leak, below pytest's last line."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def logging_stays() -> Iterator[None]:
    """Undo what a test sets of logging, as the command line does: the next test in its process would see no warning."""
    own, root = logging.getLogger("nie"), logging.getLogger()
    levels, handlers = (own.level, root.level), list(root.handlers)
    yield
    own.setLevel(levels[0])
    root.setLevel(levels[1])
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of datasets with the synthetic graph, which the tests of a module share, as they do the runs in it."""
    from stage_helpers import store_synthetic

    root = tmp_path_factory.mktemp("root")
    store_synthetic(root)
    return root


@pytest.fixture(scope="session")
def quick_interpreter() -> Iterator[None]:
    """Halve the time of Triton's interpreter, where it is in use."""
    pytest.importorskip("triton")
    from quick_interpreter import quicken

    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        yield


@pytest.fixture(scope="session")
def raw_dir() -> Path:
    """The folder with the datasets' raw files; tests that need it are skipped where it is not."""
    folder = os.environ.get("NIE_RAW_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NIE_RAW_DIR does not name the folder with the datasets' raw files")
    return Path(folder).resolve()
