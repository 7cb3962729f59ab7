"""What the fused kernels on the CPU share: how they are compiled and called, and the kernel of dropout.

The attention kernels are in the modules `dot` and `additive` beside this one; each works on the edges of a range of
rows, ``first`` up to ``last``.

A kernel works on the heads of one *tile*: ``heads`` heads of ``size`` values, the constants it is compiled for, which
start at head ``first_head`` of arrays with ``all_heads`` heads. All arrays are flat. Notation: j counts edges by
destination, i edges by source; ``to_src[j]`` is the i of the same edge.

A destination's *softmax state* are the maximum of its scores and the inverse of its sum of exponentials, so that the
weight of an edge is ``exp(score - maximum) * inverse``: the backward pass recomputes it from the score, which costs
less than reading a stored one. The pack kernels gather all that the backward pass reads of a destination into one row.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numba

from nie.ops.numba_backend.vectors import exp, keep, load, maximum, store

_SHARED = ("vectors.py", "../drop_pattern.py", "kernels.py")
REVISION = zlib.crc32(b"".join((Path(__file__).parent / name).read_bytes() for name in _SHARED))

AHEAD = 6
"""How many edges ahead a row is asked for: rows lie at random places, and a quarter of the time went into waiting."""


def compiled(function: Any, *constants: Any) -> Any:
    """Compile ``function`` at its first call and keep it on disk.

    ``constants`` are what a kernel is made for. They go into its name, because numba keeps one file for each name:
    processes that compile for other sizes at the same time must not write to the same one.

    Kernels may refer to names of their module but close over nothing but plain numbers: only then does numba find them
    again. It knows a kernel by its name and its own file; the revision in the name tells changes of what they share.
    """
    function.__qualname__ += "_" + "_".join(map(str, (*constants, f"{REVISION:x}")))
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written to
        return numba.njit(**options)(function)


@compiled
def longest(first, last, offsets):
    """The largest number of edges of a row."""
    most = 0
    for node in range(first, last):
        most = max(most, offsets[node + 1] - offsets[node])
    return most


@compiled
def exp_limited(score, top):
    """``exp(score - top)`` of weighted edges, of which a removed one may exceed all that are left.

    Only its derivative counts then, which is limited as in `nie.ops.plain_backend`; a row without edges has no maximum.
    """
    none = score - score
    return exp(none - maximum(top - score, none - 60))


@compiled
def finish(node, start, stop, first_head, all_heads, ids, top, total, weights, state, attention, heads):
    """Write a destination's softmax state and, where they are asked for, the weights of its in-edges."""
    place = 2 * node * all_heads + first_head
    store(state, place, top)
    place += all_heads
    store(state, place, total)
    for h in range(heads):
        if state[place + h] != 0:  # without in-edges it stays 0
            state[place + h] = 1 / state[place + h]
        if len(attention):
            for j in range(stop - start):
                attention[ids[start + j] * all_heads + first_head + h] = weights[j * heads + h] * state[place + h]


@compiled
def dropout(first, last, x, low, high, threshold, scale, out):
    """Multiply the elements from ``first`` up to ``last`` by their dropout factors; an element's place counts."""
    whole = first + (last - first) // 16 * 16
    for i in range(first, whole, 16):
        store(out, i, load(x, i, 16) * keep(i, low, high, threshold, scale, 16))
    for i in range(whole, last):
        store(out, i, load(x, i, 1) * keep(i, low, high, threshold, scale, 1))
