"""Graph convolution, with symmetric normalisation or with none."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers.endpoints import endpoints
from nie.layers.graph_layer import GraphLayer
from nie.ops import degrees, neighbour_sum
from nie.ops.shapes import expect_sizes
from nie.vocabulary import GCNNorm


class GraphConv(GraphLayer):
    r"""Graph convolution: a linear map of the sum of a node's neighbours, each divided by the roots of two degrees.

    .. math:: h_v = \sum_{u \to v} \frac{1}{\sqrt{d^+_u d^-_v}} W x_u + b

    Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017, equation 2, with
    out-degree :math:`d^+` and in-degree :math:`d^-`; without normalisation, neighbours are added up as they are.
    Self-loops are the graph's business. It computes what ``dgl.nn.GraphConv`` does, and also runs on CUDA where DGL
    does not, and on sampled blocks without bias.

    Args:
        in_size: size of the node features.
        out_size: size of the result.
        norm: ``symmetric``, or ``none``.

    Example:
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> GraphConv(4, 8)(graph, torch.ones(3, 4)).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_size: int, out_size: int, *, norm: GCNNorm = "symmetric") -> None:
        super().__init__()
        expect_sizes(in_size=in_size, out_size=out_size)
        self.in_size, self.out_size, self.norm = in_size, out_size, norm
        self.weight = nn.Parameter(torch.empty(in_size, out_size))
        self.bias = nn.Parameter(torch.empty(out_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform weights and zero bias."""
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(
        self, graph: dgl.DGLGraph, feat: Tensor, out_degree: Tensor | None = None, in_degree: Tensor | None = None
    ) -> Tensor:
        """Return (N_dst, out_size); a node without in-edges gets the bias alone.

        Args:
            graph: homogeneous graph or block.
            feat: (N_src, in_size).
            out_degree, in_degree: of the whole graph, see :func:`symmetric_norm` and :func:`sampled_share`; by default
                those in ``graph``.

        Raises:
            NieError: features that do not fit the graph or the layer.
        """
        src, _ = endpoints(graph, feat, self.in_size)
        if self.norm == "symmetric":
            before, after = symmetric_norm(graph, src, out_degree, in_degree)
            src = src * before
        else:
            after = sampled_share(graph, src, in_degree)
        if self.in_size > self.out_size:  # the product comes first where it makes the rows shorter that are added up
            out = neighbour_sum(graph, src @ self.weight)
        else:
            out = neighbour_sum(graph, src) @ self.weight
        return out * after + self.bias

    def extra_repr(self) -> str:
        return f"in={self.in_size}, out={self.out_size}, norm={self.norm}"


class SymmetricMean(GraphLayer):
    r"""The average over neighbours of SGC: :math:`\hat A X` with :math:`\hat A = D^{-1/2} A D^{-1/2}`.

    Example:
        >>> SymmetricMean()(dgl.graph(([0, 1], [2, 2])), torch.ones(3, 1)).flatten()
        tensor([0.0000, 0.0000, 1.4142])
    """

    def forward(
        self, graph: dgl.DGLGraph, feat: Tensor, out_degree: Tensor | None = None, in_degree: Tensor | None = None
    ) -> Tensor:
        """Return (N_dst, columns); arguments as of :class:`GraphConv`."""
        before, after = symmetric_norm(graph, feat, out_degree, in_degree)
        return neighbour_sum(graph, feat * before) * after


def symmetric_norm(
    graph: dgl.DGLGraph, like: Tensor, out_degree: Tensor | None = None, in_degree: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""The factors of sources (N_src, 1) before they are added up, and of the sums of destinations (N_dst, 1) after.

    They are :math:`1 / \sqrt{d^+_u}` and :math:`1 / \sqrt{d^-_v}`. Where the graph is a block of a sample, the degrees
    are those of the whole graph, and a sum over k of a node's :math:`d^-_v` in-edges is scaled by :math:`d^-_v / k`:
    the mean over all samples is the sum over all in-edges.

    Args:
        graph: homogeneous graph or block.
        like: has the type and the device of the result.
        out_degree: (N_src,) of the sources in the whole graph; by default those in ``graph``.
        in_degree: (N_dst,) of the destinations, likewise.

    >>> before, after = symmetric_norm(dgl.graph(([0, 1], [2, 2])), torch.empty(0), in_degree=torch.tensor([0, 0, 8]))
    >>> before.flatten().tolist(), [round(value, 4) for value in after.flatten().tolist()]
    ([1.0, 1.0, 1.0], [1.0, 1.0, 1.4142])
    """
    leaving = degrees.out_degree(graph, like) if out_degree is None else out_degree
    entering = degrees.in_degree(graph, like) if in_degree is None else in_degree
    before, after = (degree.to(like).clamp(min=1).pow(-0.5) for degree in (leaving, entering))
    if in_degree is not None:
        return before[:, None], after[:, None] * sampled_share(graph, like, in_degree)
    return before[:, None], after[:, None]


def sampled_share(graph: dgl.DGLGraph, like: Tensor, in_degree: Tensor | None) -> Tensor:
    r"""The factor (N_dst, 1) that makes a sum over a sample of a node's in-edges one over all of them, on the average.

    It is :math:`d^-_v / k` where k in-edges were sampled, and 1 where the graph is whole or the sample has all. Where
    some edges are drawn more often than others (`nie.training.drawn_edges`), these also count for more in the average.

    Args:
        graph: homogeneous graph or block.
        like: has the type and the device of the result.
        in_degree: (N_dst,) of the destinations in the whole graph; by default those in ``graph``.

    >>> sampled_share(dgl.graph(([0, 1], [2, 2])), torch.empty(0), torch.tensor([0, 0, 8])).flatten().tolist()
    [1.0, 1.0, 4.0]
    """
    found = degrees.in_degree(graph, like).clamp(min=1)
    return (found if in_degree is None else in_degree.to(like).clamp(min=1)).div(found)[:, None]
