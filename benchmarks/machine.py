"""The machine and the software that the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

from nie.extras import installed_version
from nie.runs.provenance import git_commit

PACKAGES = ("torch", "dgl", "torch-geometric", "numba", "llvmlite", "triton", "numpy", "nie")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe(device: str) -> dict[str, Any]:
    """Processor, memory, versions and the commit of this checkout."""
    return {
        "cpu": _first("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": os.getloadavg()[0],
        "memory_gb": _kilobytes("MemTotal") * 1024 / 1e9,
        "last_level_cache_mb": last_level_cache_bytes() / 1e6,
        "device": torch.cuda.get_device_name() if device != "cpu" else "cpu",
        "malloc": os.environ.get("GLIBC_TUNABLES"),  # keeping freed arrays changes times
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: installed_version(name) for name in PACKAGES},
        "git_commit": git_commit(),
    }


def last_level_cache_bytes() -> int:
    """The size of the largest cache, or 32 MiB where the system does not tell."""
    sizes = [int(path.read_text().strip().rstrip("K")) * 1024 for path in _CACHES.glob("index*/size")]
    return max(sizes, default=32 * 2**20)


def available_bytes() -> int:
    """Memory that can be had without swapping; 4 GiB where the system does not tell."""
    return _kilobytes("MemAvailable") * 1024 or 4 * 2**30


def _kilobytes(key: str) -> int:
    return int(_first("/proc/meminfo", rf"{key}:\s+(\d+) kB") or 0)


def _first(file: str, pattern: str) -> str | None:
    path = Path(file)
    found = re.search(pattern, path.read_text()) if path.exists() else None
    return found[1] if found else None
