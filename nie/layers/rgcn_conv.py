"""Relational graph convolution with basis decomposition."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers.endpoints import endpoints
from nie.ops import relational_sum
from nie.ops.shapes import expect_sizes


class RGCNConv(nn.Module):
    r"""Relational graph convolution: every relation has its own matrix, a sum of a few shared ones.

    .. math:: h_v = W_0 x_v + \frac{1}{|N_v|} \sum_{u \to v} W_{r(u,v)} x_u + b, \quad
              W_r = \sum_{i=1}^{B} a_{ri} V_i

    Schlichtkrull et al., "Modeling Relational Data with Graph Convolutional Networks", ESWC 2018, equations 2 and 3,
    with the normalisation over all relations of a node that the paper uses in section 5. The V_i are applied to the
    nodes, before the edges are looked at, so that an edge costs B numbers instead of a matrix product and nothing of
    the size of edges times features is kept.

    Args:
        in_size: size of the node features.
        out_size: size of the result.
        num_relations: number R of relation ids.
        num_bases: number B of matrices V_i.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> RGCNConv(4, 8, num_relations=7)(graph, torch.ones(3, 4), torch.tensor([0, 6, 6])).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_size: int, out_size: int, num_relations: int, num_bases: int = 4) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, out_size=out_size, num_relations=num_relations, num_bases=num_bases)
        self.in_size, self.out_size, self.num_bases = in_size, out_size, num_bases
        self.bases = nn.Linear(in_size, num_bases * out_size, bias=False)
        self.coefficients = nn.Parameter(torch.empty(num_relations, num_bases))
        self.own = nn.Linear(in_size, out_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform, each V_i by itself."""
        for basis in self.bases.weight.chunk(self.num_bases):
            nn.init.xavier_uniform_(basis)
        nn.init.xavier_uniform_(self.coefficients)
        nn.init.xavier_uniform_(self.own.weight)
        nn.init.zeros_(self.own.bias)

    def forward(self, graph: dgl.DGLGraph, feat: Tensor, etype: Tensor) -> Tensor:
        """Return (N_dst, out_size); a node without in-edges gets its own part alone.

        Args:
            graph: homogeneous graph or block.
            feat: (N_src, in_size); in a block the first N_dst rows are the destinations.
            etype: (E,) relation of every edge.

        Raises:
            NieError: features that do not fit the graph or the layer.
        """
        src, dst = endpoints(graph, feat, self.in_size)
        mixed = self.bases(src).view(-1, self.num_bases, self.out_size)
        neighbours = relational_sum(graph, mixed, self.coefficients, etype)
        degree = graph.in_degrees().clamp(min=1).to(neighbours)
        out: Tensor = self.own(dst) + neighbours / degree[:, None]
        return out

    def extra_repr(self) -> str:
        return f"in={self.in_size}, out={self.out_size}, bases={self.num_bases}"
