"""The baselines that are a stack of convolutions: GCN, GraphSAGE, GAT and R-GCN; and the MLP, which sees no edge."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.errors import NieError, nearest
from nie.layers import Dropout, GraphConv, PreGATConv, RGCNConv, SAGEConv
from nie.layers.graph_layer import by_rows
from nie.models.blocks import Degrees, EdgeTypes, Graphs, per_layer
from nie.models.outputs import ImportanceScores, side_by_side
from nie.ops.shapes import expect_sizes
from nie.vocabulary import ReadoutName


class Convolution(NamedTuple):
    """How one layer is made, and called.

    Attributes:
        make: ``(in_size, out_size, num_relations, **settings)``.
        call: ``(layer, graph or block, h, etype, degrees)``.
        reads_graph: whether it looks at edges; if not, the graph that it is called with means nothing.
        shared_by_heads: whether heads share its output, so that it cannot give the one value of a score.
    """

    make: Callable[..., nn.Module]
    call: Callable[[Any, dgl.DGLGraph, Tensor, Tensor | None, Degrees | None], Tensor]
    reads_graph: bool = True
    shared_by_heads: bool = False


def _gat_layer(
    in_size: int, out_size: int, _: int, *, num_heads: int = 8, attn_drop: float = 0.0, negative_slope: float = 0.2
) -> nn.Module:
    if out_size % num_heads:
        raise NieError(
            f"hidden_size must be a multiple of num_heads, whose heads share it; got {out_size} and {num_heads}."
        )
    head_size = out_size // num_heads
    return PreGATConv(in_size, head_size, 0, num_heads, attn_drop=attn_drop, negative_slope=negative_slope)


def _gcn(layer: GraphConv, graph: dgl.DGLGraph, h: Tensor, _: Tensor | None, degrees: Degrees | None) -> Tensor:
    given = () if degrees is None else degrees.of_block(graph)
    out: Tensor = layer(graph, h, *given)
    return out


def _rgcn(layer: RGCNConv, graph: dgl.DGLGraph, h: Tensor, etype: Tensor | None, degrees: Degrees | None) -> Tensor:
    out: Tensor = layer(graph, h, etype, None if degrees is None else degrees.of_block(graph)[1])
    return out


CONVOLUTIONS: dict[str, Convolution] = {
    "mlp": Convolution(
        lambda i, o, _: nn.Linear(i, o), lambda layer, graph, h, etype, degrees: by_rows(layer, h), reads_graph=False
    ),
    # Kipf and Welling, ICLR 2017
    "gcn": Convolution(lambda i, o, _, **settings: GraphConv(i, o, **settings), _gcn),
    # Hamilton et al., NeurIPS 2017, mean aggregator
    "graphsage": Convolution(lambda i, o, _: SAGEConv(i, o), lambda layer, graph, h, etype, degrees: layer(graph, h)),
    # Veličković et al., ICLR 2018: PreGAT without relations
    "gat": Convolution(
        _gat_layer, lambda layer, graph, h, etype, degrees: layer(graph, h).flatten(1), shared_by_heads=True
    ),
    # Schlichtkrull et al., ESWC 2018
    "rgcn": Convolution(RGCNConv, _rgcn),
}


def convolution_named(name: str) -> Convolution:
    """The convolution of this name.

    Raises:
        NieError: there is none.
    """
    if name not in CONVOLUTIONS:
        hint = nearest(name, CONVOLUTIONS)
        raise NieError(f"There is no convolution {name!r}{hint}; use one of {', '.join(CONVOLUTIONS)}.")
    return CONVOLUTIONS[name]


class ConvolutionalModel(nn.Module):
    r"""A stack of one kind of convolution with ReLU, and a linear readout or a last convolution that gives the score.

    .. math:: h_0 = x, \quad h_l = \mathrm{ReLU}(\mathrm{conv}_l(\mathrm{dropout}(h_{l-1}))), \quad
              \mathrm{score} = w \cdot h_L + b

    With ``readout="convolution"`` the last of the L convolutions has an output of one value, which is the score, with
    no ReLU after it.

    Args:
        convolution: ``mlp``, ``gcn``, ``graphsage``, ``gat`` or ``rgcn``.
        channel_sizes: size of the features by channel; read side by side.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        hidden_size: size of every hidden layer; the heads of ``gat`` share it.
        num_layers: number L of convolutions.
        readout: what gives the score, ``linear`` or ``convolution``.
        feat_drop: dropout probability of the input of every convolution.
        tier_outputs: size of a further linear readout of :math:`h_L`, for tiers of importance; 0 for none.
        settings: settings of the convolution: ``num_heads``, ``attn_drop`` and ``negative_slope`` of ``gat``, ``norm``
            of ``gcn``, and ``norm`` and ``num_bases`` of ``rgcn``.

    Raises:
        NieError: an unknown convolution, heads that do not divide the hidden size, or a last convolution that is to
            give the score where heads share it or tiers need a linear readout.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> feats = {"structural": torch.randn(3, 4), "semantic": torch.randn(3, 6)}
        >>> model = ConvolutionalModel("gcn", channel_sizes={"structural": 4, "semantic": 6}, num_relations=7)
        >>> model(graph, feats, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    def __init__(
        self, convolution: str, *, channel_sizes: Mapping[str, int], num_relations: int, hidden_size: int = 64,
        num_layers: int = 2, feat_drop: float = 0.3, readout: ReadoutName = "linear", tier_outputs: int = 0,
        **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(0, tier_outputs=tier_outputs)
        expect_sizes(num_relations=num_relations, hidden_size=hidden_size, num_layers=num_layers)
        kind = convolution_named(convolution)
        if readout == "convolution" and (kind.shared_by_heads or tier_outputs):
            reason = f"heads share the output of {convolution}" if kind.shared_by_heads else "tiers are read from it"
            raise NieError(f"The readout must be linear, as {reason}; got {readout!r}.")
        self.convolution, self.channels = convolution, tuple(channel_sizes)
        sizes = [sum(channel_sizes.values()), *[hidden_size] * num_layers]
        if readout == "convolution":
            sizes[-1] = 1
        self.drop = Dropout(feat_drop)
        self.layers = nn.ModuleList(
            kind.make(before, after, num_relations, **settings) for before, after in itertools.pairwise(sizes)
        )
        self.readout = None if readout == "convolution" else nn.Linear(hidden_size, 1)
        self.tier_head = nn.Linear(hidden_size, tier_outputs) if tier_outputs else None

    @property
    def num_hops(self) -> int:
        """Blocks that a sampled batch needs."""
        return len(self.layers) if CONVOLUTIONS[self.convolution].reads_graph else 0

    def reset_parameters(self) -> None:
        """Reset every layer to its own initial distribution."""
        for part in (*self.layers, self.readout, self.tier_head):
            if part is not None:
                part.reset_parameters()

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, *, degrees: Degrees | None = None
    ) -> ImportanceScores:
        """Return the scores of all nodes, or of the last block's destinations.

        Args:
            graph: one graph, or a sequence of ``num_hops`` blocks; nodes without in-edges are allowed.
            feats: features by channel (N, size); with blocks, of the source nodes of the first.
            etype: (E,) relation of every edge; with blocks, a sequence of them.
            degrees: degrees of the whole graph, by which ``gcn`` divides and sums over samples are scaled; give them
                with blocks.

        Raises:
            NieError: a channel is missing, or shapes do not fit.
        """
        h, kind = side_by_side(feats, self.channels), CONVOLUTIONS[self.convolution]
        given = per_layer(graph, etype, self.num_hops) or [(graph, None)] * len(self.layers)
        for layer, (block, relations) in zip(self.layers, given, strict=True):
            made = kind.call(layer, block, self.drop(h), relations, degrees)
            h = F.relu(made)
        if self.readout is None:
            return ImportanceScores.of(made.squeeze(1))
        tiers = None if self.tier_head is None else self.tier_head(h)
        return ImportanceScores.of(self.readout(h).squeeze(1), tier_logits=tiers, hidden=h)

    def extra_repr(self) -> str:
        return self.convolution
