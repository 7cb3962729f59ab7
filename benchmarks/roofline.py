r"""The least time that the memory of this machine allows the fused CPU kernels, and what fraction of it they achieve.

Bytes that must move, from `nie.ops.numba_backend`, with N nodes, E edges, rows of W = H D floats of f
bytes, and node and relation ids of 4 bytes. *Gathered* are rows of other nodes, which every edge reads anew; *streamed*
is what is read or written in order. Relation tables and a row's own scores stay in the cache and count nothing.

=========================  ===========================  ==================================================
pass                       gathered                     streamed
=========================  ===========================  ==================================================
additive forward           E (W + H) f                  8 E (source, relation) + N (2 W + 4 H) f: t in; out, two
                                                        of state, slanted, mass out
additive backward: pack    -                            N (4 W + 8 H) f: t, out, state, slanted, mass, g in;
                                                        W + 3 H packed and gradient of t out
additive backward: by_src  E (W + 3 H) f                8 E (destination, relation) + N (2 W + 2 H) f: v, s in;
                                                        their gradients out
mul forward                E 2 W f                      8 E + N (2 W + 2 H) f: q in; out, state out
mul backward: pack         -                            N (5 W + 4 H) f: q, out, g, state in; 2 W + 2 H packed out
mul backward: by_src       E (2 W + 2 H) f              8 E + E H f (gradient of the scores out) + N 4 W f: k, v
                                                        in; their gradients out
mul backward: by_dst       E (W + H) f                  8 E (source, to_src) + N W f: gradient of q out
=========================  ===========================  ==================================================

Gathered bytes are divided by a measured gather bandwidth: a compiled loop on as many threads that adds up the rows of
the sources of every node's in-edges of the very graph and does nothing else. Where the nodes' rows fit into a cache
(FB15K: 4 MB an array), that is the cache's bandwidth, not the memory's. Streamed bytes are divided by the bandwidth of
a copy of arrays larger than the last-level cache, as far as the memory at hand allows. Both bandwidths are the best of
several tries.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import torch
from case import Case
from machine import available_bytes, last_level_cache_bytes
from measure import seconds

from nie.ops.edge_index import prepare
from nie.ops.numba_backend.vectors import load, store, zeros

_FLOAT = 4


def bytes_moved(case: Case, mode: str) -> dict[str, dict[str, float]]:
    """Gathered and streamed bytes of the forward and the backward pass of "additive" or "mul"; see above."""
    n, e, w, h = case.num_nodes, case.num_edges, case.width, case.heads
    ids = 8 * e
    if mode == "additive":
        forward = (e * (w + h), n * (2 * w + 4 * h), ids)
        backward = (e * (w + 3 * h), n * (4 * w + 8 * h + 2 * w + 2 * h), ids)
    else:
        forward = (2 * e * w, n * (2 * w + 2 * h), ids)
        backward = (e * (3 * w + 3 * h), n * (5 * w + 4 * h + 4 * w + w) + e * h, 2 * ids)
    return {
        name: {"gathered": _FLOAT * gathered, "streamed": _FLOAT * streamed + index}
        for name, (gathered, streamed, index) in (("forward", forward), ("backward", backward))
    }


def stream_bandwidth(repeat: int, most: int = 2**30) -> dict[str, float]:
    """Bytes per second of torch's copy, read and written bytes both counted.

    The arrays are twice the last-level cache in size, but at most ``most`` bytes and an eighth of the free memory. On
    a virtual machine the cache may be shared with others, and then less of it is ours.
    """
    size = int(min(2 * last_level_cache_bytes(), most, available_bytes() // 8))
    source = torch.ones(size // _FLOAT)
    target = torch.zeros_like(source)
    times = [seconds(lambda: target.copy_(source)) for _ in range(repeat + 1)][1:]
    return {"array_bytes": size, "bytes_per_second": 2 * size / min(times)}


def gather_bandwidth(case: Case, repeat: int) -> float:
    """Bytes per second of adding up rows of W floats over the in-edges of every node, the gathered rows counted."""
    prepared = prepare(case.graph)
    offsets, sources, _ = (part.numpy() for part in prepared.by_dst)
    rows = np.ones(case.num_nodes * case.width, np.float32)
    out = np.empty_like(rows)
    kernel = _gather_kernel(case.width)
    kernel(0, 0, offsets, sources, rows, out)  # compiles
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:

        def gather() -> None:
            jobs = [
                pool.submit(kernel, first, last, offsets, sources, rows, out) for first, last in prepared.dst_chunks
            ]
            for job in jobs:
                job.result()

        gather()
        times = [seconds(gather) for _ in range(repeat)]
    return case.num_edges * case.width * _FLOAT / min(times)


def roofline(case: Case, mode: str, measured_ms: dict[str, Any], stream: float, gather: float) -> dict[str, Any]:
    """Least milliseconds of each pass, and the fraction least / measured of the medians in ``measured_ms``."""
    moved = bytes_moved(case, mode)
    found: dict[str, Any] = {}
    for part, amount in moved.items():
        least = 1e3 * (amount["gathered"] / gather + amount["streamed"] / stream)
        measured = measured_ms[f"{part}_ms"]
        found[part] = {**amount, "least_ms": least, "measured_ms": measured, "fraction": least / measured}
    total = {
        key: sum(found[part][key] for part in moved) for key in ("gathered", "streamed", "least_ms", "measured_ms")
    }
    return {**found, "total": {**total, "fraction": total["least_ms"] / total["measured_ms"]}}


def _gather_kernel(width: int) -> Any:
    # A vector of the compiled code is a row; longer rows are read in parts, as the kernels of nie.ops do.
    n = next(n for n in range(min(width, 128), 0, -1) if width % n == 0)

    @numba.njit(nogil=True)  # type: ignore[untyped-decorator]
    def kernel(first: int, last: int, offsets: Any, sources: Any, rows: Any, out: Any) -> None:
        for node in range(first, last):
            for column in range(0, width, n):
                total = zeros(rows, n)
                for j in range(offsets[node], offsets[node + 1]):
                    total = total + load(rows, sources[j] * width + column, n)
                store(out, node * width + column, total)

    return kernel
