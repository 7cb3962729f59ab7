"""The sums over in-edges that relational graph convolutions share."""

from __future__ import annotations

from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops.operation import operate
from nie.ops.shapes import expect, expect_graph, expect_relations, expect_values


def relational_sum(
    graph: dgl.DGLGraph,
    value: Tensor,
    coefficient: Tensor,
    etype: Tensor,
    *,
    edge_weight: Tensor | None = None,
    backend: str | None = None,
) -> Tensor:
    r"""Add up the sources' values over the in-edges, each mixed from B parts by its relation's coefficients.

    .. math:: \mathrm{out}_v = \sum_{u \xrightarrow{r} v} \sum_{b=1}^{B} a_{rb} \, \mathrm{value}_{ub}

    With :math:`\mathrm{value}_{ub} = V_b x_u` this is the basis decomposition of R-GCN (Schlichtkrull et al., ESWC
    2018, equation 3), and nothing of the size of edges times features is built.

    Args:
        graph: homogeneous graph or block; it is not written to, and may be on another device than the values where
            these are on CUDA.
        value: (N_src, B, D).
        coefficient: (R, B).
        etype: (E,) relation of every edge.
        edge_weight: (E,) weight of every edge: 1 leaves it as it is, and 0 removes it exactly; by default
            ``graph.edata["edge_weight"]`` where there is one.
        backend: see :func:`nie.ops.backend.choose_backend`; by default numba on the CPU where it is installed, and on
            CUDA plain torch, which stands in for a kernel of ``"triton"``.

    Returns:
        (N_dst, D), zero for nodes without in-edges.

    Raises:
        NieError: shapes that do not fit the graph or each other, or weights for a ``backend`` without.

    >>> import torch
    >>> from nie.dgl_compat import dgl
    >>> graph = dgl.graph(([0, 1], [2, 2]))
    >>> value = torch.tensor([[[1.0], [10.0]], [[2.0], [20.0]], [[0.0], [0.0]]])
    >>> relational_sum(graph, value, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])).flatten()
    tensor([ 0.,  0., 21.])
    """
    expect_graph(graph)
    expect("value", value, (graph.num_src_nodes(), None, None))
    expect_values("value", value)
    expect_relations(graph, "coefficient", coefficient, etype, (None, value.shape[1]))
    found = operate(
        "relational_sum", graph, [value, coefficient], etype, value=value, backend=backend, edge_weight=edge_weight
    )
    out: Tensor = found[0]
    return out


def relational_product(
    graph: dgl.DGLGraph,
    feat: Tensor,
    weight: Tensor,
    etype: Tensor,
    *,
    edge_weight: Tensor | None = None,
    backend: str | None = None,
) -> Tensor:
    r"""Add up the sources' features over the in-edges, each multiplied by the matrix of its relation.

    .. math:: \mathrm{out}_v = \sum_{u \xrightarrow{r} v} x_u W_r

    This is R-GCN (Schlichtkrull et al., ESWC 2018, equation 2) with a matrix of its own for every relation. A source is
    multiplied once by each relation that leaves it, however many edges of that relation there are.

    Args:
        graph: homogeneous graph or block; it is not written to, and may be on another device than the features where
            these are on CUDA.
        feat: (N_src, D).
        weight: (R, D, K).
        etype: (E,) relation of every edge.
        edge_weight: (E,) weight of every edge: 1 leaves it as it is, and 0 removes it exactly; by default
            ``graph.edata["edge_weight"]`` where there is one.
        backend: see :func:`nie.ops.backend.choose_backend`; all of them compute it in plain torch, as the products take
            most of the time.

    Returns:
        (N_dst, K), zero for nodes without in-edges.

    Raises:
        NieError: shapes that do not fit the graph or each other, or weights for a ``backend`` without.

    >>> import torch
    >>> from nie.dgl_compat import dgl
    >>> graph = dgl.graph(([0, 1], [2, 2]))
    >>> weight = torch.tensor([[[1.0]], [[10.0]]])
    >>> relational_product(graph, torch.tensor([[1.0], [2.0], [0.0]]), weight, torch.tensor([0, 1])).flatten()
    tensor([ 0.,  0., 21.])
    """
    expect_graph(graph)
    expect("feat", feat, (graph.num_src_nodes(), None))
    expect_relations(graph, "weight", weight, etype, (None, feat.shape[1], None))
    found = operate(
        "relational_product", graph, [feat, weight], etype, value=feat, backend=backend, edge_weight=edge_weight
    )
    out: Tensor = found[0]
    return out
