"""The sum over in-edges that plain graph convolutions share."""

from __future__ import annotations

from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops.operation import operate
from nie.ops.shapes import expect, expect_graph, expect_values


def neighbour_sum(
    graph: dgl.DGLGraph, value: Tensor, *, edge_weight: Tensor | None = None, backend: str | None = None
) -> Tensor:
    r"""Add up the sources' values over the in-edges: :math:`\mathrm{out}_v = \sum_{u \to v} \mathrm{value}_u`.

    Args:
        graph: homogeneous graph or block; it is not written to, and may be on another device than the values where
            these are on CUDA.
        value: (N_src, D).
        edge_weight: (E,) weight of every edge: 1 leaves it as it is, and 0 removes it exactly; by default
            ``graph.edata["edge_weight"]`` where there is one.
        backend: see :func:`nie.ops.backend.choose_backend`; on the CPU all of them call DGL's kernel.

    Returns:
        (N_dst, D), zero for nodes without in-edges.

    Raises:
        NieError: the values or weights do not fit the graph, or weights for a ``backend`` without.

    >>> import torch
    >>> neighbour_sum(dgl.graph(([0, 1], [2, 2])), torch.tensor([[1.0], [10.0], [0.0]])).flatten()
    tensor([ 0.,  0., 11.])
    """
    expect_graph(graph)
    expect("value", value, (graph.num_src_nodes(), None))
    expect_values("value", value)
    out: Tensor = operate("neighbour_sum", graph, [value], value=value, backend=backend, edge_weight=edge_weight)[0]
    return out
