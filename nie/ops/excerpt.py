"""A few nodes of a graph, on which a model computes what it computes for them on the whole graph.

What changes at a few edges, or in the features of a node, changes what a model computes at few nodes. What all others
pass along their edges is kept from one run on the whole graph; a model then runs on the few alone, which takes
milliseconds, and every operation adds what was kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.edge_weight import EDGE_WEIGHT
from nie.ops.row_sum import row_sum

SOURCES: dict[str, tuple[int, ...]] = {
    "additive_attention": (0, 1),
    "dot_attention": (1, 2),
    "neighbour_sum": (0,),
    "relational_sum": (0,),
    "relational_product": (0,),
}
"""By operation the places of those inputs that have a row for each source."""
OUT_DEGREE = "out_degree"
"""What stands among the operations where the sources' out-degrees are read, see `Excerpt`."""
ATTENTIONS = ("additive_attention", "dot_attention")
"""The operations that return their weights where the last of their arguments says so."""


class Passed(NamedTuple):
    """What the sources pass along their edges in one call of an operation.

    Attributes:
        name: of the operation, or `OUT_DEGREE`.
        rows: its inputs in the places of `SOURCES`; none of `OUT_DEGREE`.
    """

    name: str
    rows: tuple[Tensor, ...]


_RECORDING: WeakKeyDictionary[dgl.DGLGraph, list[Passed]] = WeakKeyDictionary()
_RUNNING: WeakKeyDictionary[dgl.DGLGraph, Excerpt] = WeakKeyDictionary()


@contextlib.contextmanager
def recording(graph: dgl.DGLGraph) -> Iterator[list[Passed]]:
    """Keep what the operations on ``graph`` are given, in the order of their calls."""
    kept: list[Passed] = []
    _RECORDING[graph] = kept
    try:
        yield kept
    finally:
        del _RECORDING[graph]


class Excerpt:
    """A few nodes of a graph with all their in-edges, and what other nodes pass along these.

    It is exact as long as what changes reaches none of the other nodes on the way to the nodes that are asked for. With
    every layer a change gets one step further; where layers read the out-degrees of sources, which change with the
    edges themselves, it is one step ahead. A model that passes messages by anything but operations of `nie.ops` sees
    the subgraph of the few nodes alone.

    Args:
        graph: the whole graph.
        etype: (E,) relation of each of its edges.
        nodes: (n,) ids of the few.
        passed: of `recording` on the whole graph.

    Attributes:
        graph: the subgraph of the few nodes, for a model to be called with inside `weighted`.
        etype: the relations of its edges.
        edges: (E',) ids of the in-edges of the few, in the whole graph.
        targets: (E',) the place of each edge's end among the few.
        attention: (E', H) weights of ``edges`` by call of an attention, in the last run.

    Example:
        >>> from nie.ops import neighbour_sum
        >>> graph, none = dgl.graph(([0, 1, 2], [1, 2, 3])), torch.zeros(3, dtype=torch.int64)
        >>> value = torch.tensor([[1.0], [10.0], [100.0], [1000.0]])
        >>> with recording(graph) as passed:
        ...     whole = neighbour_sum(graph, value)
        >>> excerpt = Excerpt(graph, none, torch.tensor([2, 3]), passed)
        >>> with excerpt.weighted(torch.tensor([1.0, 0.5])):
        ...     whole[2:].tolist(), neighbour_sum(excerpt.graph, value[2:]).tolist()
        ([[10.0], [100.0]], [[10.0], [50.0]])
    """

    def __init__(self, graph: dgl.DGLGraph, etype: Tensor, nodes: Tensor, passed: Sequence[Passed]) -> None:
        src, dst, self.edges = graph.in_edges(nodes, form="all")
        place = torch.full((graph.num_nodes(),), -1)
        place[nodes] = torch.arange(len(nodes))
        others = src[place[src] < 0].unique()
        place[others] = torch.arange(len(nodes), len(nodes) + len(others))
        source, target = place[src], place[dst]
        self._block = dgl.create_block(
            (source, target), num_src_nodes=len(nodes) + len(others), num_dst_nodes=len(nodes)
        )
        self._block_etype = etype[self.edges.to(etype.device)]
        inner = source < len(nodes)
        self.graph = dgl.graph((source[inner], target[inner]), num_nodes=len(nodes))
        self.etype = self._block_etype[inner.to(etype.device)]
        self._sources, self.targets, self._leaving = source, target, graph.out_degrees(nodes)
        self.attention: list[Tensor] = []
        self._passed = [
            Passed(name, tuple(part.detach()[others.to(part.device)] for part in rows)) for name, rows in passed
        ]
        self._calls: Iterator[Passed] = iter(())

    @contextlib.contextmanager
    def weighted(self, weight: Tensor) -> Iterator[None]:
        """Run one call of the model inside.

        Args:
            weight: (E',) weights of ``edges``.
        """
        self._block.edata[EDGE_WEIGHT] = weight
        self._calls, self.attention = iter(self._passed), []
        _RUNNING[self.graph] = self
        try:
            yield
        finally:
            del _RUNNING[self.graph]

    def completed(
        self, name: str, inputs: Sequence[Tensor | None], rest: Sequence[Any]
    ) -> tuple[dgl.DGLGraph, list[Tensor | None], tuple[Any, ...]]:
        """The graph, the inputs and the further arguments of an operation, with what the other nodes pass."""
        whole = list(inputs)
        for place, rows in zip(SOURCES[name], self._next(name).rows, strict=True):
            own = whole[place]
            assert own is not None
            whole[place] = torch.cat([own, rows.to(own.dtype)])
        further = list(rest)
        if rest and rest[0] is not None:
            further[0] = self._block_etype
        if name in ATTENTIONS:
            further[-1] = True
        return self._block, whole, tuple(further)

    def seen(self, name: str, outputs: Sequence[Tensor | None]) -> None:
        """Keep the weights of an attention."""
        if name in ATTENTIONS and outputs[1] is not None:
            self.attention.append(outputs[1].detach())

    def degree(self, like: Tensor, *, leaving: bool) -> Tensor:
        """The out- or in-degrees (n,) of the few nodes in the whole graph, each edge counted by its weight."""
        weight, count = self._block.edata[EDGE_WEIGHT].to(like), self.graph.num_nodes()
        if not leaving:
            return row_sum(weight, self.targets.to(like.device), count)
        self._next(OUT_DEGREE)
        source = self._sources.to(like.device)
        inner = source < count  # only among the few can an edge weigh less than 1
        lacking = row_sum(1 - weight[inner], source[inner], count)
        whole: Tensor = self._leaving.to(like)
        return whole - lacking

    def _next(self, name: str) -> Passed:
        passed = next(self._calls, None)
        if passed is None or passed.name != name:
            raise NieError("The model must call the same operations in the same order every time; this one does not.")
        return passed


def record(graph: dgl.DGLGraph, name: str, inputs: Sequence[Tensor | None] = ()) -> None:
    """Keep what an operation is given, or that out-degrees are read, if `recording` asks for it."""
    kept = _RECORDING.get(graph)
    if kept is not None:
        places = SOURCES.get(name, ())
        kept.append(Passed(name, tuple(rows for rows in map(inputs.__getitem__, places) if rows is not None)))


def running(graph: dgl.DGLGraph) -> Excerpt | None:
    """The excerpt that a model runs on, where ``graph`` is one."""
    return _RUNNING.get(graph)
