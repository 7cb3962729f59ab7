"""Where a result comes from: commit, versions, machine, command, and what it cost."""

from __future__ import annotations

import datetime
import functools
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nie.extras import installed_version
from nie.foreign import without_password
from nie.settings.run import RunConfig

PACKAGES = ("torch", "dgl", "numpy", "scipy", "scikit-learn", "networkx", "safetensors", "pydantic", "numba",
            "llvmlite", "triton")  # fmt: skip


def origin(config: RunConfig, made_from: Mapping[str, str]) -> dict[str, Any]:
    """What a run starts from; ``made_from`` holds the sha256 of its inputs by name."""
    return {
        "stage": config.stage,
        "created": _now(),
        "argv": [without_password(argument) for argument in sys.argv],
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "packages": {name: installed_version(name) for name in PACKAGES},
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "threads": _threads()},
        "dataset": config.dataset,
        **made_from,
        "seed": config.seed,
    }


def sitting(started: float) -> dict[str, Any]:
    """When, with what and for how long a fold was finished; ``started`` is `time.monotonic` at its beginning."""
    return {
        "finished": _now(),
        "seconds_this_sitting": time.monotonic() - started,
        "peak_memory_gb": peak_memory_gb(),
        "git_commit": git_commit(),
        "threads": _threads(),
    }


def peak_memory_gb() -> float:
    """Peak resident memory of this process so far, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def _threads() -> int:
    import torch  # imported here, because runs are also read where torch must not be loaded

    return torch.get_num_threads()


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


@functools.cache
def git_commit() -> str | None:
    """The commit of the checkout that this package runs from, with ``+`` when it has uncommitted changes.

    It is asked for once in a process, whose code stays what it was when it was loaded.
    """
    folder = Path(__file__).resolve().parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
            cwd=folder, capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
