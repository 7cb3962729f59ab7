"""Relational graph convolution, with basis decomposition or with a matrix for every relation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers.endpoints import endpoints
from nie.layers.graph_conv import sampled_share
from nie.layers.graph_layer import GraphLayer
from nie.ops import degrees, relational_product, relational_sum
from nie.ops.shapes import expect_sizes
from nie.vocabulary import RGCNNorm


class RGCNConv(GraphLayer):
    r"""Relational graph convolution: every relation has its own matrix, which may be a sum of a few shared ones.

    .. math:: h_v = W_0 x_v + \frac{1}{|N_v|} \sum_{u \to v} W_{r(u,v)} x_u + b, \quad
              W_r = \sum_{i=1}^{B} a_{ri} V_i

    Schlichtkrull et al., "Modeling Relational Data with Graph Convolutional Networks", ESWC 2018, equations 2 and 3,
    with the normalisation over all relations of a node that the paper uses in section 5. The V_i are applied to the
    nodes, before the edges are looked at, so that an edge costs B numbers instead of a matrix product and nothing of
    the size of edges times features is kept. With ``num_bases=None`` the W_r are free matrices, initialised as
    ``dgl.nn.RelGraphConv`` does; with ``norm="none"`` what the neighbours send is added up and not averaged.

    Args:
        in_size: size of the node features.
        out_size: size of the result.
        num_relations: number R of relation ids.
        num_bases: number B of matrices V_i; None for a free matrix for each relation.
        norm: ``mean``, or ``none`` for the sum.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> RGCNConv(4, 8, num_relations=7)(graph, torch.ones(3, 4), torch.tensor([0, 6, 6])).shape
        torch.Size([3, 8])
    """

    def __init__(
        self, in_size: int, out_size: int, num_relations: int, num_bases: int | None = 4, *, norm: RGCNNorm = "mean"
    ) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, out_size=out_size, num_relations=num_relations)
        self.in_size, self.out_size, self.num_bases, self.norm = in_size, out_size, num_bases, norm
        if num_bases is None:
            self.weight = nn.Parameter(torch.empty(num_relations, in_size, out_size))
        else:
            expect_sizes(num_bases=num_bases)
            self.bases = nn.Linear(in_size, num_bases * out_size, bias=False)
            self.coefficients = nn.Parameter(torch.empty(num_relations, num_bases))
        self.own = nn.Linear(in_size, out_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform, each V_i by itself; free W_r to uniform values up to the root of 1 / in_size."""
        gain = 1.0
        if self.num_bases is None:
            nn.init.uniform_(self.weight, -(self.in_size**-0.5), self.in_size**-0.5)
            gain = nn.init.calculate_gain("relu")
        else:
            for basis in self.bases.weight.chunk(self.num_bases):
                nn.init.xavier_uniform_(basis)
            nn.init.xavier_uniform_(self.coefficients)
        nn.init.xavier_uniform_(self.own.weight, gain)
        nn.init.zeros_(self.own.bias)

    def forward(self, graph: dgl.DGLGraph, feat: Tensor, etype: Tensor, in_degree: Tensor | None = None) -> Tensor:
        """Return (N_dst, out_size); a node without in-edges gets its own part alone.

        Args:
            graph: homogeneous graph or block.
            feat: (N_src, in_size); in a block the first N_dst rows are the destinations.
            etype: (E,) relation of every edge.
            in_degree: (N_dst,) of the destinations in the whole graph, by which sums over samples are scaled; by
                default those in ``graph``.

        Raises:
            NieError: features that do not fit the graph or the layer.
        """
        src, dst = endpoints(graph, feat, self.in_size)
        if self.num_bases is None:
            neighbours = relational_product(graph, src, self.weight, etype)
        else:
            mixed = self.bases(src).view(-1, self.num_bases, self.out_size)
            neighbours = relational_sum(graph, mixed, self.coefficients, etype)
        if self.norm == "mean":
            neighbours = neighbours / degrees.in_degree(graph, neighbours).clamp(min=1)[:, None]
        elif in_degree is not None:
            neighbours = neighbours * sampled_share(graph, neighbours, in_degree)
        out: Tensor = self.own(dst) + neighbours
        return out

    def extra_repr(self) -> str:
        return f"in={self.in_size}, out={self.out_size}, bases={self.num_bases}, norm={self.norm}"
