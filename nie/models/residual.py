"""Any convolution between what makes deep stacks of them learn: residual connections, normalisation and dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from nie.layers import Dropout
from nie.layers.graph_layer import by_rows
from nie.models.blocks import Degrees, EdgeTypes, Graphs, per_layer
from nie.models.convolutional import convolution_named
from nie.models.outputs import ImportanceScores, side_by_side
from nie.ops.shapes import expect_sizes


class ResidualModel(nn.Module):
    r"""A stack of one kind of convolution, each within a residual block, and a linear readout.

    .. math:: h_0 = W \, \mathrm{dropout}(x), \quad
              h_l = h_{l-1} + \mathrm{ReLU}(\mathrm{conv}_l(\mathrm{dropout}(\mathrm{LayerNorm}(h_{l-1})))), \quad
              \mathrm{score} = w \cdot h_L + b

    With ``layer_norm=False`` the convolutions read :math:`h_{l-1}` as it is, with its length.

    Dropout stands behind a normalisation, never between two, and none is before the readout: what a norm divides by
    would be larger in training than in prediction, and predictions would lie too far from their mean. So are plain
    networks built in comparisons that find them as good as newer ones (Platonov et al., ICLR 2023; Luo et al., NeurIPS
    2024).

    Args:
        convolution: ``mlp``, ``gcn``, ``graphsage``, ``gat`` or ``rgcn``.
        channel_sizes: size of the features by channel; read side by side.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        hidden_size: size of every hidden layer; the heads of ``gat`` share it.
        num_layers: number L of convolutions.
        feat_drop: dropout probability of the features.
        hidden_drop: dropout probability of the input of every convolution.
        layer_norm: normalise that input. A norm keeps deep stacks learning, and takes the length of a vector away.
        tier_outputs: size of a further linear readout, for tiers of importance; 0 for none.
        settings: settings of the convolution, see `nie.models.ConvolutionalModel`.

    Raises:
        NieError: an unknown convolution, or heads that do not divide the hidden size.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = ResidualModel("gcn", channel_sizes={"structural": 4}, num_relations=7, num_layers=5)
        >>> model(graph, {"structural": torch.randn(3, 4)}, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    def __init__(
        self, convolution: str, *, channel_sizes: Mapping[str, int], num_relations: int, hidden_size: int = 128,
        num_layers: int = 3, feat_drop: float = 0.3, hidden_drop: float = 0.3, layer_norm: bool = True,
        tier_outputs: int = 0, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(0, tier_outputs=tier_outputs)
        expect_sizes(num_relations=num_relations, hidden_size=hidden_size, num_layers=num_layers)
        self.kind, self.convolution, self.channels = convolution_named(convolution), convolution, tuple(channel_sizes)
        self.feat_drop, self.hidden_drop = Dropout(feat_drop), Dropout(hidden_drop)
        self.project = nn.Linear(sum(channel_sizes.values()), hidden_size)
        self.layers = nn.ModuleList(
            self.kind.make(hidden_size, hidden_size, num_relations, **settings) for _ in range(num_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) if layer_norm else nn.Identity() for _ in self.layers)
        self.readout = nn.Linear(hidden_size, 1)
        self.tier_head = nn.Linear(hidden_size, tier_outputs) if tier_outputs else None

    @property
    def num_hops(self) -> int:
        """Blocks that a sampled batch needs."""
        return len(self.layers) if self.kind.reads_graph else 0

    def reset_parameters(self) -> None:
        """Reset every layer to its own initial distribution."""
        for part in (self.project, *self.layers, *self.norms, self.readout, self.tier_head):
            if not isinstance(part, nn.Identity | None):
                part.reset_parameters()

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, *, degrees: Degrees | None = None
    ) -> ImportanceScores:
        """Return the scores of all nodes, or of the last block's destinations; arguments as of `ConvolutionalModel`."""
        h = by_rows(self.project, self.feat_drop(side_by_side(feats, self.channels)))
        given = per_layer(graph, etype, self.num_hops) or [(graph, None)] * len(self.layers)
        for layer, norm, (block, relations) in zip(self.layers, self.norms, given, strict=True):
            made = self.kind.call(layer, block, self.hidden_drop(norm(h)), relations, degrees)
            h = h[: len(made)] + F.relu(made)  # the first nodes of a block are its destinations
        tiers = None if self.tier_head is None else self.tier_head(h)
        return ImportanceScores.of(self.readout(h).squeeze(1), tier_logits=tiers, hidden=h)

    def extra_repr(self) -> str:
        return self.convolution
