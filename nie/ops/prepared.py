"""What the fused kernels need of a graph, prepared once: its edges by destination and by source, cut into chunks."""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nie.dgl_compat import dgl

Array = np.ndarray[Any, Any]

_EDGES_PER_CHUNK = 20_000
_MAX_CHUNKS = 16


@dataclass(frozen=True)
class Prepared:
    """A graph's edges by destination and by source.

    Attributes:
        by_dst: CSC offsets (N_dst + 1,), source of each edge (E,) and its edge id (E,).
        by_src: CSR offsets (N_src + 1,), destination of each edge (E,) and its position in ``by_dst``.
        dst_chunks, src_chunks: row ranges with about equally many edges; they depend on the graph alone.
        index: DGL's own index of the edges, which it replaces when a graph is changed in place.
    """

    by_dst: tuple[Array, Array, Tensor]
    by_src: tuple[Array, Array, Array]
    dst_chunks: list[tuple[int, int]]
    src_chunks: list[tuple[int, int]]
    index: Any


_PREPARED: weakref.WeakKeyDictionary[dgl.DGLGraph, Prepared] = weakref.WeakKeyDictionary()


def prepare(graph: dgl.DGLGraph) -> Prepared:
    """Prepare ``graph`` once; the result is forgotten with the graph."""
    found = _PREPARED.get(graph)
    if found is None or found.index is not graph._graph:
        dst_offsets, sources, ids = graph.adj_tensors("csc")
        src_offsets, destinations, src_ids = graph.adj_tensors("csr")
        position = torch.empty_like(ids)
        position[ids] = torch.arange(len(ids), dtype=ids.dtype)
        found = Prepared(
            by_dst=(int32_array(dst_offsets), int32_array(sources), ids.long()),
            by_src=(int32_array(src_offsets), int32_array(destinations), int32_array(position[src_ids])),
            dst_chunks=_chunks(dst_offsets.numpy()),
            src_chunks=_chunks(src_offsets.numpy()),
            index=graph._graph,
        )
        _PREPARED[graph] = found
    return found


def int32_array(tensor: Tensor) -> Array:
    """The values as a contiguous array of 32-bit integers, half the memory traffic of DGL's ids."""
    array: Array = tensor.to(torch.int32).contiguous().numpy()
    return array


def _chunks(offsets: Array) -> list[tuple[int, int]]:
    count = int(min(_MAX_CHUNKS, max(1, offsets[-1] // _EDGES_PER_CHUNK)))
    bounds = np.searchsorted(offsets, np.linspace(0, offsets[-1], count + 1)[1:-1])
    edges = [0, *bounds.tolist(), len(offsets) - 1]
    return list(itertools.pairwise(edges))
