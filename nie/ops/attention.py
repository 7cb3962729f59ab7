"""The two kinds of attention over in-edges: additive attention and attention by dot products.

The functions here check the shapes and hand the work to a backend.

Half types, as autocast makes them, are computed in single precision: the output comes back in the type of the values,
and returned weights in single precision. Gradients can be differentiated once more on every backend, see
`nie.ops.derivatives`.

Notation: a graph (or a block of a sampled batch) has N_src source and N_dst destination nodes, E edges, R relations;
H heads of D values each. Softmaxes run over the edges that end in the same node.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError, nearest
from nie.ops.drop_pattern import draw_seed, threshold
from nie.ops.operation import operate
from nie.ops.precision import computed_in
from nie.ops.shapes import expect, expect_graph, expect_relations, expect_values
from nie.vocabulary import REL_MODES


class Attended(NamedTuple):
    """The result of an attention.

    Attributes:
        out: (N_dst, H, D), the weighted sums of the values.
        weights: (E, H), the weights of the edges before dropout; may be None where they were not asked for.
    """

    out: Tensor
    weights: Tensor | None


def additive_attention(
    graph: dgl.DGLGraph,
    value: Tensor,
    src_score: Tensor,
    dst_score: Tensor,
    rel_score: Tensor | None = None,
    etype: Tensor | None = None,
    negative_slope: float = 0.01,
    *,
    attn_drop: float = 0.0,
    seed: int | None = None,
    edge_weight: Tensor | None = None,
    backend: str | None = None,
    return_attention: bool = False,
) -> Tensor | Attended:
    r"""Weigh in-edges by a sum of scores and add up the values of their sources.

    For an edge u→v of relation r and every head:

    .. math:: e = \mathrm{LeakyReLU}(s_u + t_v + w_r), \quad
              \alpha = \mathrm{softmax}_{v}(e), \quad
              \mathrm{out}_v = \sum_{u \to v} \alpha \, \mathrm{value}_u

    This is the attention of GAT (Veličković et al., ICLR 2018) and, with relations, of PreGAT (Zhang et al.,
    TNNLS 2024, arXiv 2402.17791), whose vector ``a`` over a concatenation is split into three dot products; the
    relation term is one value per relation and head, so nothing of size (E, relation size) is built.

    Args:
        graph: homogeneous graph or block; it is not written to.
        value: (N_src, H, D).
        src_score: (N_src, H).
        dst_score: (N_dst, H).
        rel_score: (R, H), or None for no relation term.
        etype: (E,) relation of every edge; given exactly when ``rel_score`` is.
        negative_slope: slope of the LeakyReLU below 0.
        attn_drop: probability with which attention weights are dropped *in this call* (layers pass 0 in eval).
        seed: seed of the dropout; the same seed drops the same weights on every backend. By default it is drawn from
            torch's generator, as that of torch's own dropout is.
        edge_weight: (E,) weight of every edge, by which the exponential of its score is multiplied in the softmax: 1
            leaves the edge as it is, and 0 removes it exactly; by default ``graph.edata["edge_weight"]``, where there
            is one. The backends without weights leave these to torch's own operators.
        backend: ``"dgl"``, ``"numba"`` or ``"triton"``; by default :func:`nie.ops.backend.choose_backend` picks.
        return_attention: whether to return the weights, as they are before dropout, too.

    Returns:
        (N_dst, H, D), which is 0 for nodes without in-edges; with ``return_attention`` the pair of it and the weights
        (E, H), an `Attended`.

    Raises:
        NieError: shapes that do not fit the graph or each other, a negative slope, or weights for a ``backend``
            without.

    >>> import torch
    >>> from nie.dgl_compat import dgl
    >>> graph = dgl.graph(([0, 1], [2, 2]))
    >>> value, score = torch.tensor([[[1.0]], [[3.0]], [[9.0]]]), torch.zeros(3, 1)
    >>> additive_attention(graph, value, score, score).flatten()
    tensor([0., 0., 2.])
    """
    attended = attend_additively(
        graph, value, src_score, dst_score, rel_score, etype, negative_slope,
        attn_drop=attn_drop, seed=seed, edge_weight=edge_weight, backend=backend,
        return_attention=return_attention,
    )  # fmt: skip
    return attended if return_attention else attended.out


def dot_attention(
    graph: dgl.DGLGraph,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel: Tensor | None = None,
    etype: Tensor | None = None,
    mode: str = "mul",
    *,
    attn_drop: float = 0.0,
    seed: int | None = None,
    edge_weight: Tensor | None = None,
    backend: str | None = None,
    return_attention: bool = False,
) -> Tensor | Attended:
    r"""Weigh in-edges by scaled dot products that the edge's relation modifies, and add up the sources' values.

    For an edge u→v of relation r and every head, with :math:`s = q_v \cdot k_u / \sqrt{D}`:

    ========  ===========================================  =========
    ``mode``  score of the edge                            ``rel``
    ========  ===========================================  =========
    mul       :math:`s \, w_r`                             (R, H)
    add       :math:`s + w_r`                              (R, H)
    gate      :math:`s \, \sigma(w_r)`                     (R, H)
    dot       :math:`s + q_v \cdot w_r / \sqrt{D}`         (R, H, D)
    ========  ===========================================  =========

    and then :math:`\alpha = \mathrm{softmax}_v`, :math:`\mathrm{out}_v = \sum_{u \to v} \alpha \, \mathrm{value}_u`
    (relational graph transformer, Huang et al., KDD 2021). In ``dot`` the query is the destination's; the published
    program reads the source's by mistake.

    Args:
        graph: homogeneous graph or block; it is not written to.
        query: (N_dst, H, D).
        key, value: (N_src, H, D).
        rel: the relation table above, or None for a plain graph transformer (``mode`` is then ignored).
        etype: (E,) relation of every edge; given exactly when ``rel`` is.
        mode: one of ``REL_MODES``.
        attn_drop: probability with which attention weights are dropped *in this call* (layers pass 0 in eval).
        seed: seed of the dropout; the same seed drops the same weights on every backend. By default it is drawn from
            torch's generator, as that of torch's own dropout is.
        edge_weight: (E,) weight of every edge, by which the exponential of its score is multiplied in the softmax: 1
            leaves the edge as it is, and 0 removes it exactly; by default ``graph.edata["edge_weight"]``, where there
            is one. The backends without weights leave these to torch's own operators.
        backend: ``"dgl"``, ``"numba"`` or ``"triton"``; by default :func:`nie.ops.backend.choose_backend` picks.
        return_attention: whether to return the weights, as they are before dropout, too.

    Returns:
        (N_dst, H, D), which is 0 for nodes without in-edges; with ``return_attention`` the pair of it and the weights
        (E, H), an `Attended`.

    Raises:
        NieError: an unknown mode, shapes that do not fit the graph or each other, or weights for a ``backend`` without.

    >>> import torch
    >>> from nie.dgl_compat import dgl
    >>> graph = dgl.graph(([0, 1], [2, 2]))
    >>> value = torch.tensor([[[1.0]], [[3.0]], [[9.0]]])
    >>> dot_attention(graph, torch.zeros(3, 1, 1), value, value).flatten()
    tensor([0., 0., 2.])
    """
    attended = attend_by_products(
        graph, query, key, value, rel, etype, mode,
        attn_drop=attn_drop, seed=seed, edge_weight=edge_weight, backend=backend,
        return_attention=return_attention,
    )  # fmt: skip
    return attended if return_attention else attended.out


def attend_additively(
    graph: dgl.DGLGraph, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor | None,
    etype: Tensor | None, negative_slope: float, *, attn_drop: float = 0.0, seed: int | None = None,
    edge_weight: Tensor | None = None, backend: str | None = None, return_attention: bool = False,
) -> Attended:  # fmt: skip
    """What `additive_attention` computes, as a record in either case."""
    expect_graph(graph)
    if not negative_slope >= 0:
        raise NieError(f"negative_slope must be 0 or more; got {negative_slope}.")
    num_heads = value.shape[1] if value.dim() == 3 else -1
    expect("value", value, (graph.num_src_nodes(), None, None))
    expect_values("value", value)
    expect("src_score", src_score, (graph.num_src_nodes(), num_heads))
    expect("dst_score", dst_score, (graph.num_dst_nodes(), num_heads))
    expect_relations(graph, "rel_score", rel_score, etype, (None, num_heads))
    inputs = [value, src_score, dst_score, rel_score]
    rest = etype, negative_slope, attn_drop, _seed(attn_drop, seed), return_attention
    return Attended(
        *operate(
            "additive_attention", graph, inputs, *rest, value=value, backend=backend, edge_weight=edge_weight
        )
    )  # fmt: skip


def attend_by_products(
    graph: dgl.DGLGraph, query: Tensor, key: Tensor, value: Tensor, rel: Tensor | None, etype: Tensor | None, mode: str,
    *, attn_drop: float = 0.0, seed: int | None = None, edge_weight: Tensor | None = None, backend: str | None = None,
    return_attention: bool = False,
) -> Attended:  # fmt: skip
    """What `dot_attention` computes, as a record in either case."""
    expect_graph(graph)
    if mode not in REL_MODES:
        raise NieError(f"Unknown relation mode {mode!r}{nearest(mode, REL_MODES)}; use one of {', '.join(REL_MODES)}.")
    head_shape: tuple[int, ...] = tuple(value.shape[1:]) if value.dim() == 3 else (-1, -1)
    expect("value", value, (graph.num_src_nodes(), None, None))
    expect_values("value", value)
    expect("key", key, (graph.num_src_nodes(), *head_shape))
    expect("query", query, (graph.num_dst_nodes(), *head_shape))
    expect_relations(graph, "rel", rel, etype, (None, *(head_shape if mode == "dot" else head_shape[:1])))
    if rel is not None and mode == "gate":  # to the backends, the product with a factor like any other
        rel, mode = rel.to(computed_in(value)).sigmoid(), "mul"
    rest = etype, mode, attn_drop, _seed(attn_drop, seed), return_attention
    inputs = [query, key, value, rel]
    return Attended(
        *operate("dot_attention", graph, inputs, *rest, value=value, backend=backend, edge_weight=edge_weight)
    )


def _seed(attn_drop: float, seed: int | None) -> int:
    threshold(attn_drop)  # raises for what is no probability
    return draw_seed() if seed is None and attn_drop > 0 else seed or 0
