"""Compile every Triton kernel for an H100, which needs no GPU: ``python compile_triton.py`` prints a line of JSON each.

The interpreter accepts much that the compiler refuses (a variable that changes its type in a loop, say) and says
nothing of registers, so tests run this beside it, in a process of its own, where the interpreter is off.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from nie.ops.triton_backend import autograd as triton_backend
from nie.ops.triton_backend import kernels as triton_kernels

H100 = GPUTarget("cuda", 90, 32)
# The kinds by name as tests call them: how the relation enters, and whether the attention is additive.
KINDS = {"gat": ("plain", True), "pregat": ("add", True), "plain": ("plain", False), "mul": ("mul", False),
         "add": ("add", False), "dot": ("dot", False)}  # fmt: skip


def calls(heads: int, size: int, dtype: torch.dtype, threshold: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kernel, variant, and the arguments that are constants or None; all others are given."""
    tile = triton_backend._tile(torch.empty(1, heads, size, dtype=dtype))._asdict()
    for kind, (entry, additive) in KINDS.items():
        scoring = {"kind": entry, "additive": additive, "slope": 0.01, "factor": size**-0.5, **tile}
        dropout = {"threshold": threshold, "scale": 1.25}
        absent = {"relations": None, "w": None} if entry == "plain" else {}
        yield "forward", kind, {**scoring, **dropout, **absent}
        yield "weights", kind, {**scoring, **absent}
        mul = {} if entry == "mul" else {"grad_factor": None}
        yield "backward", kind, {**scoring, **dropout, **absent, **mul, "grad_attention": None}
    yield "backward", "with gradients of the weights", {**scoring, **dropout, "grad_factor": None}
    yield "gather", "table and relations", {**tile, "factor": 0.5}
    yield "gather", "table", {**tile, "factor": 0.5, "w": None, "relations": None}
    scalars = triton_backend._tile(torch.empty(1, heads, dtype=dtype))._asdict()
    yield "gather", "scalars", {**scalars, "factor": 1.0, "w": None, "relations": None, "table": None}
    yield "merge_softmax", "", tile
    yield "merge_sums", "", tile


def compiled(kernel: Any, constants: dict[str, Any], dtype: torch.dtype) -> dict[str, int]:
    """Registers and bytes of stack a thread, and numbers of wide loads and of atomic operations."""
    float_type = {torch.float32: "*fp32", torch.float64: "*fp64"}[dtype]
    integers = {"pieces", "split", "ends", "ids", "relations"}
    signature = {
        name: "constexpr" if name in constants
        else "i32" if name in ("low", "high")
        else "*i32" if name in integers else float_type
        for name in kernel.arg_names
    }  # fmt: skip
    places = {name: (place,) for place, name in enumerate(kernel.arg_names)}
    aligned = {places[name]: [["tt.divisibility", 16]] for name, kind in signature.items() if kind.startswith("*")}
    known = {places[name]: value for name, value in constants.items() if name in places}
    source = ASTSource(kernel, signature, known, aligned)
    options = {"num_warps": constants["num_warps"], "enable_fp_fusion": True}
    assembly = triton.compile(source, target=H100, options=options).asm
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(assembly["cubin"])
        file.flush()
        command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ptx = assembly["ptx"]
    return {
        "registers": max(map(int, re.findall(r"REG:(\d+)", report))),
        "stack": max(map(int, re.findall(r"STACK:(\d+)", report))),
        "wide_loads": len(re.findall(r"ld\.global\S*\.v[24]\.", ptx)),
        "atomics": len(re.findall(r"\b(?:atom|red)\.global", ptx)),
    }


if __name__ == "__main__":
    for heads, size, dtype in ((8, 8, torch.float32), (3, 5, torch.float64)):
        for name, variant, constants in calls(heads, size, dtype, threshold=2**31):
            figures = compiled(getattr(triton_kernels, name), constants, dtype)
            line = {"kernel": name, "variant": variant, "heads": heads, "size": size, **figures}
            sys.stdout.write(json.dumps(line) + "\n")
