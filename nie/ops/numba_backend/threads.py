"""Compiled kernels over chunks of rows, on as many threads as torch uses."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from nie.arrays import Array

log = logging.getLogger("nie.ops")
_COMPILED: set[Any] = set()


class PerChunk:
    """An argument of a kernel, of which every chunk has its own row."""

    def __init__(self, rows: Array) -> None:
        self.rows = rows


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="nie-ops")


if hasattr(os, "register_at_fork"):  # a forked child has the pools but not their threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def run(kernel: Callable[..., Any], chunks: list[tuple[int, int]], *arguments: Any) -> None:
    """Run ``kernel(first row, last row, *arguments)`` on every chunk, on as many threads as torch uses.

    Kernels release the interpreter lock and run on plain threads, the calling one among them. (A second OpenMP pool
    beside torch's would compete with its spinning workers.)
    """
    _compile(kernel, [part.rows[0] if isinstance(part, PerChunk) else part for part in arguments])
    todo = iter(enumerate(chunks))  # taking the next item is atomic

    def work() -> None:
        for number, (first, last) in todo:
            kernel(first, last, *(part.rows[number] if isinstance(part, PerChunk) else part for part in arguments))

    threads = min(torch.get_num_threads(), len(chunks))
    others = [_pool(threads - 1).submit(work) for _ in range(threads - 1)]
    work()
    for other in others:
        other.result()


def _compile(kernel: Any, arguments: list[Any]) -> None:
    """Compile ``kernel`` for these types by a call without rows and log it, unless it is in memory or on disk."""
    dtype = next(part.dtype for part in arguments if isinstance(part, np.ndarray) and part.dtype.kind == "f")
    if (kernel, dtype) in _COMPILED:
        return
    started, missed = time.perf_counter(), sum(kernel.stats.cache_misses.values())
    kernel(0, 0, *arguments)
    _COMPILED.add((kernel, dtype))
    if sum(kernel.stats.cache_misses.values()) > missed:
        log.info("compiled an attention kernel in %.1f s (once; it is kept on disk)", time.perf_counter() - started)
