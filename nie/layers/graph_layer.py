"""What layers that pass messages have in common: without gradients they can be computed by chunks of destinations."""

from __future__ import annotations

import abc
import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers.rows import Rows, held
from nie.ops.degrees import out_degree

LEAST_COLUMNS = 32
"""What an edge takes besides its row, for its ids and for what a layer makes of a narrow input, in numbers."""
_values: ContextVar[int | None] = ContextVar("values", default=None)


@contextlib.contextmanager
def in_chunks(values: int | None) -> Iterator[None]:
    """Let layers of a whole graph be computed a chunk of destinations at a time in a block, where no gradient is kept.

    A network that is called there goes through the graph layer by layer: a layer is finished for all nodes before the
    next one begins. Nothing is sampled and no destination is computed twice by a layer, so that the result is that of
    the whole graph up to rounding; a source is projected again in every chunk that reads it, which is what it costs.
    What a layer makes for itself is bounded by the chunk, and no longer by the graph; its input and its output are kept
    for all nodes.

    Args:
        values: numbers of the layer's input that a chunk reads at most, (edges + destinations) x columns, of which an
            input counts as having `LEAST_COLUMNS` or more; the in-edges of one node stay together, however many they
            are. None for all at once.

    >>> from nie.layers import SAGEConv
    >>> graph, layer = dgl.rand_graph(50, 400), SAGEConv(4, 3)
    >>> with torch.no_grad(), in_chunks(100):
    ...     made = layer(graph, torch.ones(50, 4))
    >>> torch.allclose(made, layer(graph, torch.ones(50, 4)))
    True
    """
    token = _values.set(values)
    try:
        yield
    finally:
        _values.reset(token)


class GraphInParts(abc.ABC):
    """A graph of which this process has some nodes alone; a model is called with their rows, and layers ask for more.

    It stands in the place of a block for every layer. See `nie.training.parted_graph`.
    """

    @abc.abstractmethod
    def compute(self, layer: Callable[..., Tensor], feat: Any, **given: Any) -> Tensor:
        """What ``layer(block, feat, **given)`` gives for this process's nodes, from their rows and those of others."""


class GraphLayer(nn.Module):
    """A layer ``(graph, feat, ...) -> (N_dst, ...)`` of which each row depends on a node's in-edges alone.

    Names of arguments say what their rows are, as in every layer here: ``etype`` are edges, ``out_degree`` sources,
    ``in_degree`` destinations; the first after the graph are features, of sources with the destinations first in a
    block, or a pair of both. Other arguments have no such rows.
    """

    def __call__(self, graph: dgl.DGLGraph, feat: Any, *rest: Any, **named: Any) -> Any:
        """What ``forward`` gives, by chunks where `in_chunks` asks for them."""
        values, call = _values.get(), super().__call__
        if isinstance(graph, GraphInParts):
            return graph.compute(call, feat, **dict(zip(_names(type(self).forward), rest, strict=False)), **named)
        if values is None or torch.is_grad_enabled() or not isinstance(graph, dgl.DGLGraph) or graph.is_block:
            return call(graph, held(feat), *rest, **named)
        names = _names(type(self).forward)
        given = dict(zip(names, rest, strict=False)) | named
        if "out_degree" in names and given.get("out_degree") is None:  # a chunk has not all out-edges of its sources
            given["out_degree"] = out_degree(graph, feat[0] if isinstance(feat, tuple) else feat[:1])
        return by_chunks(call, graph, feat, values, **given)


@functools.cache
def _names(forward: Callable[..., Any]) -> list[str]:
    """The arguments of a method ``forward`` after the graph and the features."""
    return list(inspect.signature(forward).parameters)[3:]


def by_chunks(compute: Callable[..., Tensor], graph: dgl.DGLGraph, feat: Any, values: int, **given: Any) -> Tensor:
    """What ``compute(graph, feat, **given)`` gives, put together from blocks of all in-edges of some destinations.

    Args:
        compute: a layer, as `GraphLayer` describes it.
        graph: a whole graph.
        feat: (N, ...), or a pair of the features of sources and of destinations; of `nie.layers.rows.Rows`, a chunk
            reads its own.
        values: see `in_chunks`.
        given: further arguments by name.
    """
    src, dst = feat if isinstance(feat, tuple) else (feat, None)
    bounds = chunk_bounds(graph, values // columns_of(src))
    if len(bounds) <= 2:
        return compute(graph, held(feat), **given)
    out: Tensor | None = None
    for first, end in itertools.pairwise(bounds):
        nodes = torch.arange(first, end, device=graph.device)
        entering = dgl.in_subgraph(graph, nodes)
        block = dgl.to_block(entering, nodes)
        sources, edges = block.srcdata[dgl.NID], entering.edata[dgl.EID][block.edata[dgl.EID]]
        rows = {"etype": edges, "out_degree": sources, "in_degree": nodes}
        own = {name: _rows(value, rows[name]) if name in rows else value for name, value in given.items()}
        made = compute(block, _rows(src, sources) if dst is None else (_rows(src, sources), dst[first:end]), **own)
        if out is None:
            out = made.new_empty(graph.num_nodes(), *made.shape[1:])
        out[first:end] = made
    assert out is not None
    return out


def _rows(whole: Tensor | None, ids: Tensor) -> Tensor | None:
    return None if whole is None else whole[ids.to(whole.device)]


def columns_of(rows: Tensor | Rows) -> int:
    """The numbers that a row or an edge is counted as, where chunks are made.

    >>> columns_of(torch.zeros(5, 100)), columns_of(torch.zeros(5, 2))
    (100, 32)
    """
    return max(rows.shape[1:].numel(), LEAST_COLUMNS)


def chunk_bounds(graph: Any, most: int) -> list[int]:
    """Where chunks begin, and the end: each has about ``most`` edges and destinations, together, or a single node."""
    cost = (graph.in_degrees() + 1).cumsum(0)
    if not len(cost):
        return [0]
    total = int(cost[-1])
    inner = torch.linspace(0, total, -(-total // max(most, 1)) + 1, dtype=torch.float64)[1:-1]
    return sorted({0, *torch.searchsorted(cost.double(), inner).tolist(), graph.num_nodes()})


def by_rows(compute: Callable[[Tensor], Tensor], rows: Tensor | Rows) -> Tensor:
    """What ``compute(rows)`` gives for rows that know nothing of each other, by parts where `in_chunks` asks for them.

    >>> with torch.no_grad(), in_chunks(4):
    ...     by_rows(torch.square, torch.arange(3.0)[:, None]).flatten()
    tensor([0., 1., 4.])
    """
    parts = row_parts(rows)
    return compute(held(rows)) if len(parts) == 1 else torch.cat([compute(held(rows[part])) for part in parts])


def row_parts(rows: Tensor | Rows) -> list[slice]:
    """The parts in which rows that know nothing of each other are looked at: all at once, unless in `in_chunks`."""
    values = _values.get()
    if values is None or torch.is_grad_enabled() or not len(rows):
        return [slice(None)]
    most = max(values // columns_of(rows), 1)
    return [slice(first, first + most) for first in range(0, len(rows), most)]
