"""What the fused kernels need of a graph, prepared once for each graph and device and forgotten with the graph."""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from nie.arrays import Array
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.row_pieces import Pieces, cut

_EDGES_PER_CHUNK = 10_000
_MAX_CHUNKS = 64
_MOST_EDGES = 2**31 - 64  # 32-bit counters step over the last edge by up to a block
CPU = torch.device("cpu")
Result = TypeVar("Result")


class Rows(NamedTuple):
    """Edges grouped by one end, as 32-bit integers, half the memory traffic of DGL's ids.

    Attributes:
        offsets: (rows + 1,), the edges of row v are those from ``offsets[v]`` up to ``offsets[v + 1]``.
        ends: (E,) the node at the other end of each edge.
        ids: (E,) the edge's id in the graph.
    """

    offsets: Tensor
    ends: Tensor
    ids: Tensor


class Pairs(NamedTuple):
    """The pairs of a source and a relation that leaves it, each once, by relation.

    Attributes:
        sources: (P,) the source of each pair.
        counts: the pairs of every relation up to the largest there is.
        of_edge: (E,) the pair of each edge, in the order of ``Prepared.by_dst``.
    """

    sources: Tensor
    counts: list[int]
    of_edge: Tensor


class _kept(functools.cached_property[Result]):
    """A property that is computed once, and outside of inference mode, whose tensors could never be trained with."""

    def __init__(self, compute: Callable[[Any], Result]) -> None:
        super().__init__(torch.inference_mode(False)(compute))


class Prepared:
    """A graph's edges by destination and, once a backward pass needs it, by source.

    Args:
        by_dst: the in-edges of every destination (CSC).
        num_src: number of source nodes.
        device: where the tensors live.
    """

    def __init__(self, by_dst: Rows, num_src: int, device: torch.device) -> None:
        self._by_dst, self._num_src, self._device = by_dst, num_src, device
        self._relations = _PerTensor(_sort_relations)

    @_kept
    def by_dst(self) -> Rows:
        """The in-edges of every destination (CSC)."""
        return Rows(*(part.to(self._device) for part in self._by_dst))

    @_kept
    def ends(self) -> tuple[Tensor, Tensor]:
        """(E,) sources and (E,) destinations in the order of ``by_dst``, as torch's indexing takes them."""
        offsets, sources, _ = self.by_dst
        rows = torch.arange(len(offsets) - 1, device=self._device)
        return sources.long(), rows.repeat_interleave(offsets.diff().long())

    @_kept
    def by_src(self) -> Rows:
        """The out-edges of every source (CSR); the edges of one source are in the order of ``by_dst``."""
        offsets, ends, _ = self._transposed
        ids = self._by_dst.ids[torch.from_numpy(self._transposed[2]).long()]
        return Rows(*(part.to(self._device) for part in (torch.from_numpy(offsets), torch.from_numpy(ends), ids)))

    @_kept
    def to_src(self) -> Tensor:
        """(E,) for every edge of ``by_dst`` its position in ``by_src``."""
        position = self._transposed[2]
        inverse = np.empty_like(position)
        inverse[position] = np.arange(len(position), dtype=np.int32)
        return torch.from_numpy(inverse).to(self._device)

    @_kept
    def _transposed(self) -> tuple[Array, ...]:
        """Offsets, destinations and positions in ``by_dst`` of the edges by source."""
        offsets, sources, _ = (part.numpy() for part in self._by_dst)
        # Transposing a sparse matrix that holds the positions sorts them by source, in linear time.
        positions = np.arange(len(sources), dtype=np.int32)
        shape = (len(offsets) - 1, self._num_src)
        turned = csr_array((positions, sources, offsets), shape=shape).tocsc()
        return turned.indptr.astype(np.int32), turned.indices.astype(np.int32), turned.data

    @_kept
    def dst_chunks(self) -> list[tuple[int, int]]:
        """Ranges of destinations with about equally many in-edges."""
        return chunks(self._by_dst.offsets.numpy(), _MAX_CHUNKS)

    def src_chunks(self, most: int) -> list[tuple[int, int]]:
        """At most ``most`` ranges of sources with about equally many out-edges."""
        return chunks(self._transposed[0], min(most, _MAX_CHUNKS))

    @_kept
    def dst_pieces(self) -> Pieces:
        """The rows of ``by_dst``, cut into pieces."""
        return cut(self.by_dst.offsets)

    @_kept
    def src_pieces(self) -> Pieces:
        """The rows of ``by_src``, cut into pieces."""
        return cut(self.by_src.offsets)

    def relations(self, etype: Tensor) -> Relations:
        """The relations of the edges in the orders of ``by_dst`` and ``by_src``, kept as long as ``etype`` is."""
        found: Relations = self._relations(etype, self)
        return found


@torch.inference_mode(False)
def _sort_relations(etype: Tensor, prepared: Prepared) -> Relations:
    return Relations(etype.to(prepared._device, torch.int32, copy=True), prepared)


class Relations:
    """The relation of every edge, (E,) 32-bit integers, in both orders of a prepared graph."""

    def __init__(self, etype: Tensor, prepared: Prepared) -> None:
        self._etype, self._rows = etype, weakref.proxy(prepared)

    @_kept
    def by_dst(self) -> Tensor:
        """In the order of ``Prepared.by_dst``."""
        return self._etype[self._rows.by_dst.ids.long()]

    @_kept
    def by_src(self) -> Tensor:
        """In the order of ``Prepared.by_src``."""
        return self._etype[self._rows.by_src.ids.long()]

    @_kept
    def pairs(self) -> Pairs:
        """The pairs of a source and a relation, so that what an edge needs of both is computed once for each."""
        sources, _ = self._rows.ends
        num_src = self._rows._num_src
        pairs, of_edge = torch.unique(self.by_dst.long() * num_src + sources, return_inverse=True)
        counts: list[int] = torch.bincount(pairs // num_src).tolist()
        return Pairs(pairs % num_src, counts, of_edge)

    @_kept
    def rows(self) -> Rows:
        """The edges of every relation up to the largest there is, with their destinations as ends."""
        ordered, order = torch.sort(self.by_src, stable=True)
        counts = torch.bincount(ordered)
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return Rows(offsets.int(), self._rows.by_src.ends[order], self._rows.by_src.ids[order])

    @_kept
    def pieces(self) -> Pieces:
        """The rows of ``rows``, cut into pieces."""
        return cut(self.rows.offsets)


_PREPARED: weakref.WeakKeyDictionary[dgl.DGLGraph, tuple[Any, dict[torch.device, Prepared]]] = (
    weakref.WeakKeyDictionary()
)


def prepare(graph: dgl.DGLGraph, device: torch.device = CPU) -> Prepared:
    """Prepare ``graph`` once for each device; the result is forgotten with the graph, or when it is changed in place.

    Raises:
        NieError: the graph is restricted to formats without CSC, or has about 2^31 edges or more.
    """
    found = _PREPARED.get(graph)
    # DGL replaces its index of the edges when a graph is changed in place.
    if found is None or found[0] is not graph._graph:
        found = _PREPARED[graph] = (graph._graph, {})
    if device not in found[1]:
        formats = graph.formats()
        if "csc" not in formats["created"] + formats["not created"]:
            raise NieError(f"This graph is restricted to {formats['created']}; attention needs graph.formats('csc').")
        if graph.num_edges() > _MOST_EDGES:
            raise NieError(f"{graph.num_edges():,} edges are too many for the fused kernels; use the backend 'dgl'.")
        with torch.inference_mode(False):  # as in `_kept`
            by_dst = [part.cpu().to(torch.int32).contiguous() for part in graph.adj_tensors("csc")]
        found[1][device] = Prepared(Rows(*by_dst), graph.num_src_nodes(), device)
    return found[1][device]


def chunks(offsets: Array, most: int) -> list[tuple[int, int]]:
    """Cut rows into at most ``most`` ranges with about equally many edges; they depend on the graph alone.

    >>> chunks(np.array([0, 30_000, 40_000, 50_000]), 4)
    [(0, 1), (1, 1), (1, 2), (2, 3)]
    """
    count = int(min(most, max(1, offsets[-1] // _EDGES_PER_CHUNK)))
    bounds = np.searchsorted(offsets, np.linspace(0, offsets[-1], count + 1)[1:-1])
    edges = [0, *bounds.tolist(), len(offsets) - 1]
    return list(itertools.pairwise(edges))


class _PerTensor:
    """Remembers what ``function`` gives for a tensor, as long as the tensor lives and is not written to.

    Torch counts the writes to a tensor, but not those to a numpy array that shares its memory; a tensor that shares is
    therefore compared with a copy. (What is written through ``tensor.data`` nobody can see; torch warns of it too.)

    Further arguments are passed on, and must be the same at every call. (A method bound to the owner of the memory
    would keep the owner alive until the next collection of cycles, with all its arrays.)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._known: Any = WeakTensorKeyDictionary()

    def __call__(self, tensor: Tensor, *rest: Any) -> Any:
        if tensor.is_inference():  # its writes are not counted
            return self._function(tensor, *rest)
        version, seen, value = self._known.get(tensor, (None, None, None))
        if version != tensor._version or (seen is not None and not torch.equal(seen, tensor)):
            value = self._function(tensor, *rest)
            self._known[tensor] = (tensor._version, tensor.clone() if _shared_with_numpy(tensor) else None, value)
        return value


def _shared_with_numpy(tensor: Tensor) -> bool:
    """Whether a numpy array may hold the same memory: torch forbids to resize such memory, and no other."""
    return tensor.device.type == "cpu" and not tensor.untyped_storage().resizable()


def _span(etype: Tensor) -> tuple[int, int]:
    lowest, highest = torch.aminmax(etype.long())  # torch does not find the ends of all unsigned types
    return int(lowest), int(highest)


relation_span: Callable[[Tensor], tuple[int, int]] = _PerTensor(_span)
"""The smallest and the largest relation id of a tensor that is not empty, looked up once for each tensor."""
