"""A few nodes of a graph, on which a model computes what it computes for them on the whole graph.

What changes at a few edges, or in the features of a node, changes what a model computes at few nodes. What all others
pass along their edges is kept from one run on the whole graph; a model then runs on the few alone, which takes
milliseconds, and every operation adds what was kept. What these add to a sum is the same in every run, and is computed
once; a softmax of an attention has to be computed over all edges.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.edge_weight import EDGE_WEIGHT
from nie.ops.later_calls import LaterCalls
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
WHOLE_SUM = "whole_sum"
"""What stands among them where a sum over all nodes is read, which is kept as it is (`nie.ops.all_nodes`)."""
SUMS = ("neighbour_sum", "relational_sum", "relational_product")
"""The operations that add up what each source passes; all others are attentions, which return their weights where the
last of their arguments says so."""


Rows: TypeAlias = tuple[Tensor, ...]
Outputs: TypeAlias = tuple[Any, ...]
Compute: TypeAlias = Callable[[dgl.DGLGraph, Sequence[Tensor | None], Sequence[Any]], Outputs]


class Passed(NamedTuple):
    """What the sources pass along their edges in one call of an operation.

    Attributes:
        name: of the operation, `OUT_DEGREE` or `WHOLE_SUM`.
        rows: its inputs in the places of `SOURCES`; none of `OUT_DEGREE`, and the sum itself of `WHOLE_SUM`.
    """

    name: str
    rows: Rows


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
        nodes: (n,) ids of the few.
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
        self.nodes = nodes
        src, dst, self.edges = graph.in_edges(nodes, form="all")
        place = torch.full((graph.num_nodes(),), -1)
        place[nodes] = torch.arange(len(nodes))
        others = src[place[src] < 0].unique()
        place[others] = torch.arange(len(nodes), len(nodes) + len(others))
        source, target = place[src], place[dst]
        of_edge = etype[self.edges.to(etype.device)]
        every = torch.arange(len(source))
        self._whole = _Part.of(every, source, target, of_edge, (len(nodes) + len(others), len(nodes)))
        inner = source < len(nodes)
        self.graph, self._inner = dgl.graph((source[inner], target[inner]), num_nodes=len(nodes)), every[inner]
        self.etype = of_edge[self._inner.to(etype.device)]
        self._others = _Part.of(every[~inner], source - len(nodes), target, of_edge, (len(others), len(nodes)))
        of_first = every[inner & (target == 0)]
        first_has_all = len(of_first) == int((target == 0).sum())  # or else other nodes pass something to it
        self._first = _Part.of(of_first, source, target, of_edge, (len(nodes),) * 2) if first_has_all else None
        self._sources, self.targets, self._leaving = source, target, graph.out_degrees(nodes)
        self.attention: list[Tensor] = []
        self._passed = [
            Passed(name, tuple(each if name == WHOLE_SUM else each[others.to(each.device)] for each in rows))
            for name, rows in passed
        ]
        self._calls: Iterator[tuple[int, Passed]] = iter(())
        self._sums: dict[int, Tensor] = {}  # by call, what the other nodes add to a sum
        self._weight = torch.empty(0)
        self._later: LaterCalls | None = None
        self._unread: set[int] | None = None  # the calls that no later one reads, when they are known
        self._first_alone = False

    @contextlib.contextmanager
    def weighted(self, weight: Tensor, *, first_alone: bool = False) -> Iterator[None]:
        """Run one call of the model inside.

        Args:
            weight: (E',) weights of ``edges``; derivatives are those of edges among the few nodes.
            first_alone: what the model gives for the first of the few nodes is asked for, and no other. The first such
                run with derivatives finds out which operations are the last, so that later runs compute these for that
                node alone.
        """
        beyond = weight.detach()[self._others.edges]
        if not torch.equal(beyond, self._others.graph.edata.get(EDGE_WEIGHT, beyond.new_empty(0))):
            self._sums.clear()
        self._whole.graph.edata[EDGE_WEIGHT] = self._weight = weight
        self._others.graph.edata[EDGE_WEIGHT] = beyond
        self.graph.edata[EDGE_WEIGHT] = weight[self._inner]
        if self._first is not None:
            self._first.graph.edata[EDGE_WEIGHT] = weight[self._first.edges]
        self._calls, self.attention, self._first_alone = iter(enumerate(self._passed)), [], first_alone
        learns = first_alone and self._unread is None and torch.is_grad_enabled()
        self._later = LaterCalls() if learns else None
        _RUNNING[self.graph] = self
        try:
            yield
            if self._later is not None:
                self._unread = self._later.unread
        finally:
            del _RUNNING[self.graph]

    def operated(self, name: str, inputs: Sequence[Tensor | None], rest: Sequence[Any], compute: Compute) -> Outputs:
        """The outputs of an operation for the few nodes.

        Args:
            name: of the operation.
            inputs, rest: its arguments for the few nodes.
            compute: computes it on a graph, of inputs and further arguments.
        """
        call, rows = self._next(name)
        last = self._first_alone and self._unread is not None and call in self._unread
        if name in SUMS:
            found = self._summed(call, rows, inputs, rest, compute)
        elif last and self._first is not None:
            found = self._attended(self._first, name, inputs, rest, compute)
        else:
            found = self._attended(self._whole, name, self._with(name, inputs, rows), rest, compute)
        if self._later is not None and found[0] is not None:
            self._later.see(call, inputs, found[0])
        return found

    def _summed(
        self, call: int, rows: Rows, inputs: Sequence[Tensor | None], rest: Sequence[Any], compute: Compute
    ) -> Outputs:  # fmt: skip
        """A sum over the edges among the few, and what the others add to it, which is computed once."""
        if call not in self._sums:
            with torch.no_grad():
                (added,) = compute(self._others.graph, [*rows, *inputs[len(rows) :]], self._others.told(rest))
            assert added is not None
            self._sums[call] = added
        (within,) = compute(self.graph, inputs, rest)
        assert within is not None
        return (within + self._sums[call].to(within.dtype),)

    def _attended(
        self, part: _Part, name: str, inputs: Sequence[Tensor | None], rest: Sequence[Any], compute: Compute
    ) -> Outputs:  # fmt: skip
        """An attention over some of the edges; its weights are kept."""
        out, weights = compute(part.graph, inputs, (*part.told(rest)[:-1], True))
        if weights is not None:
            paid = weights.detach()
            self.attention.append(paid.new_zeros(len(self.edges), paid.shape[1]).index_copy(0, part.edges, paid))
        return out, weights

    def _with(self, name: str, inputs: Sequence[Tensor | None], rows: Rows) -> list[Tensor | None]:
        """The inputs with what the other nodes pass."""
        whole = list(inputs)
        for place, passed in zip(SOURCES[name], rows, strict=True):
            own = whole[place]
            assert own is not None
            whole[place] = torch.cat([own, passed.to(own.dtype)])
        return whole

    def degree(self, like: Tensor, *, leaving: bool) -> Tensor:
        """The out- or in-degrees (n,) of the few nodes in the whole graph, each edge counted by its weight."""
        weight, count = self._weight.to(like), self.graph.num_nodes()
        if not leaving:
            return row_sum(weight, self.targets.to(like.device), count)
        self._next(OUT_DEGREE)
        source = self._sources.to(like.device)
        inner = source < count  # only among the few can an edge weigh less than 1
        lacking = row_sum(1 - weight[inner], source[inner], count)
        whole: Tensor = self._leaving.to(like)
        return whole - lacking

    def summed(self) -> Tensor:
        """The sum over all nodes of the whole graph that is read next."""
        (total,) = self._next(WHOLE_SUM)[1]
        return total

    def _next(self, name: str) -> tuple[int, Rows]:
        """The number of a call, and what the other nodes pass in it."""
        call, passed = next(self._calls, (-1, None))
        if passed is None or passed.name != name:
            raise NieError("The model must call the same operations in the same order every time; this one does not.")
        return call, passed.rows


@dataclass(frozen=True, eq=False)
class _Part:
    """Some of the edges of an excerpt.

    Attributes:
        graph: of their sources and targets.
        edges: (n,) their places among all of the excerpt.
        etype: (n,) their relations.
    """

    graph: dgl.DGLGraph
    edges: Tensor
    etype: Tensor

    @classmethod
    def of(cls, edges: Tensor, source: Tensor, target: Tensor, etype: Tensor, nodes: tuple[int, int]) -> _Part:
        """Take them from the ends and the relations of all edges, and the numbers of sources and targets."""
        ends = source[edges], target[edges]
        block = dgl.create_block(ends, num_src_nodes=nodes[0], num_dst_nodes=nodes[1])
        return cls(block, edges, etype[edges.to(etype.device)])

    def told(self, rest: Sequence[Any]) -> tuple[Any, ...]:
        """The further arguments of an operation, with the relations of these edges in the place of others."""
        return (self.etype, *rest[1:]) if rest and rest[0] is not None else tuple(rest)


def record(graph: dgl.DGLGraph, name: str, inputs: Sequence[Tensor | None] = ()) -> None:
    """Keep what an operation is given, a sum of all nodes, or that out-degrees are read, if `recording` asks for it."""
    kept = _RECORDING.get(graph)
    if kept is not None:
        rows = [inputs[place] for place in SOURCES.get(name, range(len(inputs)))]
        kept.append(Passed(name, tuple(each.detach() for each in rows if each is not None)))


def running(graph: dgl.DGLGraph) -> Excerpt | None:
    """The excerpt that a model runs on, where ``graph`` is one."""
    return _RUNNING.get(graph)


def own_rows(graph: dgl.DGLGraph, whole: Tensor) -> Tensor:
    """Of a row for each node of a whole graph, those of the nodes of ``graph``: all, or the few of an excerpt."""
    excerpt = running(graph)
    return whole if excerpt is None else whole[excerpt.nodes.to(whole.device)]
