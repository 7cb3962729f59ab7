"""Peak memory of one forward and backward pass, on the CPU measured in a process of its own.

On the CPU the kernel counts: the process's resident memory just before the step is subtracted from its high-water mark
after it. That sees numpy's, torch's and DGL's allocations alike. Freed memory must go back to the system at once, or a
peak would hide in what an earlier step left behind; glibc does so for blocks above ``MALLOC_MMAP_THRESHOLD_``,
unless ``GLIBC_TUNABLES`` says otherwise, as in `scripts/environment.sh`; that is cleared here. On CUDA
torch's allocator counts what it hands out, in whatever process.

Everything made by the step counts, its output and gradients included; inputs, parameters and the graph in all formats
do not. What a contestant makes at its first step and keeps (our prepared graph) is told apart as *kept*.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from case import Case, random_case, read_case
from contestants import find
from measure import Step, run
from torch import Tensor

_PROC = Path("/proc/self")
_ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": "0",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TOP_PAD_": "0",
    "GLIBC_TUNABLES": "",
}


def peak_memory(path: Path, family: str, name: str, device: str) -> dict[str, float | None] | None:
    """MB of a contestant on the case in a file: its peaks and what it keeps; None where it cannot be measured.

    ``device`` is the case's.

    Returns:
        ``forward_mb`` and ``peak_mb``, the peaks of the forward pass and of both passes; ``saved_mb``, what lies
        between them, the output included; ``kept_mb``, what the first step left for later ones.
    """
    if device != "cpu":  # a process for each would take minutes to start and compile
        return _measure(read_case(path), family, name)
    command = [sys.executable, __file__, str(path), family, name, str(torch.get_num_threads())]
    answer = subprocess.run(command, env={**os.environ, **_ALLOCATOR}, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.stderr.write(f"memory of {name}: {answer.stderr.strip().splitlines()[-1]}\n")
        return None
    found: dict[str, float | None] | None = json.loads(answer.stdout.splitlines()[-1])
    return found


def _measure(case: Case, family: str, name: str) -> dict[str, float | None] | None:
    meter = _CudaMeter() if case.device != "cpu" else _KernelMeter()
    if not meter.works:
        return None
    contestant = find(case, family, name)
    # A step on a small graph loads all code that the contestant needs, so that only data is counted from here on.
    run(contestant.build(replace(random_case(200, case), num_relations=200)))
    step = contestant.build(case)
    gradient = torch.ones(case.num_nodes * case.width, device=case.device)
    before = meter.start()
    if not contestant.one_head:
        run(step)
    base = meter.start()
    forward, saved, peak = _passes(step, gradient, meter)
    # All but the last head leave what they saved, and the last one has the peaks.
    others = (case.heads - 1) * (saved - base) if contestant.one_head else 0.0
    return {
        "forward_mb": others + forward - base,
        "saved_mb": others + saved - base,
        "peak_mb": others + peak - base,
        "kept_mb": None if contestant.one_head else base - before,
    }


def _passes(step: Step, gradient: Tensor, meter: Any) -> tuple[float, float, float]:
    """The peak of the forward pass, what it leaves, and the peak of both passes."""
    outputs = step.forward()
    forward, saved = meter.peak(), meter.now()
    gradients = [gradient[: output.numel()].view_as(output) for output in outputs]
    found = torch.autograd.grad(outputs, step.inputs, gradients, allow_unused=True)
    del found
    return forward, saved, meter.peak()


class _KernelMeter:
    """Resident memory of this process as Linux counts it, in MB."""

    works = (_PROC / "clear_refs").exists()

    def start(self) -> float:
        """Give back what is free, forget the peak, and return what is in use."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        (_PROC / "clear_refs").write_text("5")
        return self.now()

    def now(self) -> float:
        """In use."""
        return self._read("VmRSS")

    def peak(self) -> float:
        """The most in use since `start`."""
        return self._read("VmHWM")

    def _read(self, key: str) -> float:
        found = re.search(rf"{key}:\s+(\d+) kB", (_PROC / "status").read_text())
        assert found is not None
        return int(found[1]) * 1024 / 1e6


class _CudaMeter:
    """Memory that torch handed out on the GPU, in MB."""

    works = True

    def start(self) -> float:
        """Forget the peak, and return what is in use."""
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return self.now()

    def now(self) -> float:
        """In use."""
        return torch.cuda.memory_allocated() / 1e6

    def peak(self) -> float:
        """The most in use since `start`."""
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / 1e6


if __name__ == "__main__":
    file, family, name, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    print(json.dumps(_measure(read_case(Path(file)), family, name)))
