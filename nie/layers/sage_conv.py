"""GraphSAGE convolution with the mean of neighbours."""

from __future__ import annotations

from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.layers.endpoints import endpoints
from nie.layers.graph_layer import GraphLayer
from nie.ops import neighbour_sum
from nie.ops.degrees import in_degree
from nie.ops.shapes import expect_sizes


class SAGEConv(GraphLayer):
    r"""A linear map of a node's own features and one of its neighbours' mean.

    .. math:: h_v = W_{self} x_v + W_{neigh} \frac{1}{|N_v|} \sum_{u \to v} x_u + b

    Hamilton et al., "Inductive Representation Learning on Large Graphs", NeurIPS 2017, with the mean aggregator. It
    computes what ``dgl.nn.SAGEConv(..., "mean")`` does, and also runs on CUDA where DGL does not.

    Args:
        in_size: size of the node features.
        out_size: size of the result.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> SAGEConv(4, 8)(graph, torch.ones(3, 4)).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_size: int, out_size: int) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, out_size=out_size)
        self.in_size, self.out_size = in_size, out_size
        self.fc_neigh = _drawn_later(in_size, out_size, bias=False)
        self.fc_self = _drawn_later(in_size, out_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to Xavier-uniform with the gain of ReLU, and torch's default for the bias."""
        for linear in (self.fc_neigh, self.fc_self):
            linear.reset_parameters()
        # Drawn once more, as DGL does, so that a seed gives the weights that it gives there.
        for linear in (self.fc_self, self.fc_neigh):
            nn.init.xavier_uniform_(linear.weight, nn.init.calculate_gain("relu"))

    def forward(self, graph: dgl.DGLGraph, feat: Tensor) -> Tensor:
        """Return (N_dst, out_size); a node without in-edges gets its own part alone.

        Args:
            graph: homogeneous graph or block.
            feat: (N_src, in_size); in a block the first N_dst rows are the destinations.

        Raises:
            NieError: features that do not fit the graph or the layer.
        """
        src, dst = endpoints(graph, feat, self.in_size)
        # The product comes first where it makes the rows shorter that are added up.
        before = self.in_size > self.out_size
        total = neighbour_sum(graph, self.fc_neigh(src) if before else src)
        mean = total / in_degree(graph, total).clamp(min=1)[:, None]
        out: Tensor = self.fc_self(dst) + (mean if before else self.fc_neigh(mean))
        return out

    def extra_repr(self) -> str:
        return f"in={self.in_size}, out={self.out_size}"


def _drawn_later(in_size: int, out_size: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer whose values are not drawn yet, so that they are drawn once and not twice."""
    linear: nn.Linear = nn.utils.skip_init(nn.Linear, in_size, out_size, bias=bias)  # type: ignore[no-untyped-call]
    return linear
