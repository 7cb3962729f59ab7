"""The sum over all nodes of a graph, which is still that of the whole graph where a model runs on an excerpt."""

from __future__ import annotations

from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops.excerpt import WHOLE_SUM, record, running


def whole_sum(graph: dgl.DGLGraph, value: Tensor) -> Tensor:
    """What is summed over all nodes of a whole graph, as linear attention over all nodes needs it.

    On an excerpt of a graph (`nie.ops.excerpt`) it is what the whole graph gave, so that it has no derivatives there:
    what changes at a few nodes is taken not to change a sum over all.

    Args:
        graph: a whole graph, or an excerpt of one.
        value: the sum over its nodes.

    Raises:
        NieError: a sampled block, whose nodes are not all.

    Example:
        >>> import torch
        >>> from nie.ops.excerpt import Excerpt, recording
        >>> graph, rows = dgl.graph(([0, 1], [1, 2])), torch.tensor([[1.0], [2.0], [3.0]])
        >>> with recording(graph) as passed:
        ...     total = whole_sum(graph, rows.sum(0))
        >>> excerpt = Excerpt(graph, torch.zeros(2, dtype=torch.int64), torch.tensor([2]), passed)
        >>> with excerpt.weighted(torch.ones(1)):
        ...     whole_sum(excerpt.graph, rows[2:].sum(0)).item()
        6.0
    """
    if graph.is_block:
        raise NieError(
            "Attention over all nodes reads the whole graph, and a sampled block has a part of it; leave batch.size "
            "and memory out, or set model.attention to local."
        )
    record(graph, WHOLE_SUM, (value,))
    excerpt = running(graph)
    return value if excerpt is None else excerpt.summed().to(value)
