"""nie.ops.triton_backend.kernels: they compile for a GPU. What they compute is in test_autograd.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed: pip install 'nie[gpu]'")
SCRIPT = Path(__file__).parents[3] / "reference" / "compile_triton.py"


@pytest.mark.slow
def test_every_kernel_compiles_for_an_h100() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, str(SCRIPT)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=SCRIPT.parents[2])
    assert result.returncode == 0, result.stderr[-3000:]
    kernels = [json.loads(line) for line in result.stdout.splitlines()]
    assert {kernel["kernel"] for kernel in kernels} == {
        "forward", "weights", "backward", "gather", "merge_softmax", "merge_sums"
    }  # fmt: skip
    for kernel in kernels:
        assert kernel["stack"] <= 64, kernel  # bytes of registers spilled
        assert kernel["registers"] <= 168, kernel  # so that a multiprocessor holds six programs of two warps or more
        assert kernel["atomics"] == 0, kernel  # sums would depend on the order in which programs come
        if kernel["size"] == 8:
            assert kernel["wide_loads"] >= (0 if kernel["variant"] == "scalars" else 1), kernel
