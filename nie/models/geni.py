"""GENI, graph neural network of importance scores."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nie.layers import CentralityScale, Dropout, GENIConv
from nie.layers.activations import ACTIVATIONS, check_activation
from nie.layers.graph_layer import by_rows
from nie.models.blocks import Degrees, EdgeTypes, Graphs, log_in_degree, per_layer
from nie.models.outputs import ImportanceScores, side_by_side
from nie.ops.shapes import expect_sizes
from nie.vocabulary import LayerActivationName


class GENI(nn.Module):
    r"""Score every node from its features, then aggregate the scores over relations (Park et al., KDD 2019).

    ``num_heads`` scoring networks F → hidden → 1, or with further hidden layers between, give each node one score for
    each head; every layer aggregates them with :class:`nie.layers.GENIConv`, and the mean over heads is the input of
    all heads of the next layer. The final score is

    .. math:: s^*_v = \mathrm{act}((\gamma \, c_v + \beta) \, s_v), \quad c_v = \log(\mathrm{indegree}_v)

    with the centrality adjustment :class:`nie.layers.CentralityScale`.

    Args:
        channel_sizes: size of the features by channel; read side by side.
        num_relations: number of relation ids in ``etype``, self-loops and inverses included.
        hidden_size: hidden size of the scoring networks; by default half the size of the features.
        score_layers: hidden layers of every scoring network.
        num_heads: scoring networks, and heads of every layer.
        num_layers: layers of score aggregation.
        rel_size: size of the relation embeddings.
        feat_drop: dropout probability of the features.
        hidden_drop: that of the scoring networks' hidden layers; by default the same.
        attn_drop: dropout probability of the attention weights.
        negative_slope: slope of the attention's LeakyReLU below 0.
        layer_activation: activation of the scores after each layer, ``linear`` or (as in the papers' programs) ``elu``.
        activation: activation of the final score, ``linear`` or (as published) ``leaky_relu``.
        centrality_scale: False leaves the centrality adjustment out.
        scale_heads: adjust the score of each head by factors of its own before the mean over heads, as the papers'
            programs do.
        fixed_scale: multiply the score by the centrality itself, gamma 1 and beta 0, instead of learning the two.
        shared_relations: one embedding serves all relations, so that attention cannot tell them apart.
        tier_outputs: size of a head for tiers of importance on the heads' aggregated scores, each adjusted by
            centrality; 0 for none.

    Raises:
        NieError: an unknown activation.

    Example:
        >>> import torch
        >>> from nie.dgl_compat import dgl
        >>> graph = dgl.graph(([0, 1, 2], [1, 2, 2]))
        >>> model = GENI(channel_sizes={"structural": 4, "semantic": 6}, num_relations=7)
        >>> feats = {"structural": torch.randn(3, 4), "semantic": torch.randn(3, 6)}
        >>> model(graph, feats, torch.tensor([0, 6, 6])).score.shape
        torch.Size([3])
    """

    # Long because each parameter is a setting that recipes and searches name.
    def __init__(
        self,
        *,
        channel_sizes: Mapping[str, int],
        num_relations: int,
        hidden_size: int | None = None,
        score_layers: int = 1,
        num_heads: int = 4,
        num_layers: int = 2,
        rel_size: int = 10,
        feat_drop: float = 0.3,
        hidden_drop: float | None = None,
        attn_drop: float = 0.0,
        negative_slope: float = 0.2,
        layer_activation: LayerActivationName = "linear",
        activation: str = "linear",
        centrality_scale: bool = True,
        scale_heads: bool = False,
        fixed_scale: bool = False,
        shared_relations: bool = False,
        tier_outputs: int = 0,
    ) -> None:
        super().__init__()
        expect_sizes(num_relations=num_relations, num_heads=num_heads, num_layers=num_layers, score_layers=score_layers)
        expect_sizes(0, rel_size=rel_size, tier_outputs=tier_outputs)
        check_activation(activation)
        self.channels, self.num_layers, self.activation = tuple(channel_sizes), num_layers, activation
        in_size = sum(channel_sizes.values())
        self.num_heads, self.hidden_size = num_heads, hidden_size or max(in_size // 2, 1)
        self.drop = Dropout(feat_drop)
        self.hidden_drop = self.drop if hidden_drop is None else Dropout(hidden_drop)
        self.layer_activation = F.elu if layer_activation == "elu" else nn.Identity()
        # The hidden layers of all scoring networks are one product.
        self.hidden = nn.Linear(in_size, num_heads * self.hidden_size)
        sizes = (num_heads, self.hidden_size)
        self.deeper = nn.ParameterList(torch.empty(*sizes, self.hidden_size) for _ in range(score_layers - 1))
        self.deeper_bias = nn.ParameterList(torch.empty(sizes) for _ in range(score_layers - 1))
        self.output = nn.Parameter(torch.empty(sizes))
        self.output_bias = nn.Parameter(torch.empty(num_heads))
        self.num_relations = num_relations
        self.relations = nn.Parameter(torch.empty(1 if shared_relations else num_relations, rel_size))
        self.layers = nn.ModuleList(
            GENIConv(rel_size, num_heads, negative_slope=negative_slope, attn_drop=attn_drop) for _ in range(num_layers)
        )
        heads = num_heads if scale_heads else None
        self.scale = CentralityScale(heads, fixed=fixed_scale) if centrality_scale else None
        self.tier_head = nn.Linear(num_heads, tier_outputs) if tier_outputs else None
        self.reset_parameters()

    @property
    def num_hops(self) -> int:
        """Blocks that a sampled batch needs."""
        return self.num_layers

    def reset_parameters(self) -> None:
        """Reset the scoring networks to torch's defaults, draw standard normal relations, and reset the layers."""
        self.hidden.reset_parameters()
        self.reset_behind_hidden()

    def reset_behind_hidden(self) -> None:
        """Reset all but the scoring networks' hidden layer, which another model may own."""
        bound = self.hidden_size**-0.5
        for further in (*self.deeper, *self.deeper_bias):
            nn.init.uniform_(further, -bound, bound)
        nn.init.uniform_(self.output, -bound, bound)
        nn.init.uniform_(self.output_bias, -bound, bound)
        nn.init.normal_(self.relations)
        for layer in self.layers:
            assert isinstance(layer, GENIConv)
            layer.reset_parameters()
        for part in (self.scale, self.tier_head):
            if part is not None:
                part.reset_parameters()

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, *, degrees: Degrees | None = None
    ) -> ImportanceScores:
        """Return the scores of all nodes, or of the last block's destinations.

        Args:
            graph: one graph, or a sequence of ``num_layers`` blocks.
            feats: features by channel (N, size); with blocks, of the source nodes of the first.
            etype: (E,) relation of every edge; with blocks, a sequence of them.
            degrees: degrees of the whole graph, for the centrality. By default they are those of ``graph``; give them
                with blocks.

        Raises:
            NieError: a channel is missing, or shapes do not fit.
        """
        score = by_rows(self._own_scores, self.drop(side_by_side(feats, self.channels)))
        return self.aggregated(score, graph, etype, degrees)

    def aggregated(
        self, score: Tensor, graph: Graphs, etype: EdgeTypes, degrees: Degrees | None = None
    ) -> ImportanceScores:  # fmt: skip
        """The scores (N, H) of the scoring networks, aggregated over the edges; further arguments as `forward`."""
        table = self.relations.expand(self.num_relations, -1)
        layers = per_layer(graph, etype, self.num_layers)
        for layer, (block, relations) in zip(self.layers, layers, strict=True):
            by_head = self.layer_activation(layer(block, score, table, relations))
            mean = by_head.mean(1)
            score = mean[:, None].expand(-1, self.num_heads)
        if self.scale is not None:
            centrality = log_in_degree(layers[-1][0], mean, degrees)
            by_head = self.scale(by_head, centrality[:, None])
            # One pair of factors scales the mean: the same in other words, and the bits of finished runs.
            mean = by_head.mean(1) if self.scale.gamma.dim() else self.scale(mean, centrality)
        tiers = None if self.tier_head is None else self.tier_head(by_head)
        return ImportanceScores.of(ACTIVATIONS[self.activation](mean), tier_logits=tiers)

    def _own_scores(self, feat: Tensor) -> Tensor:
        """(N, H) what each scoring network makes of a node's own features."""
        return self.scored(self.hidden_of(feat))

    def hidden_of(self, feat: Tensor) -> Tensor:
        """(N, H, hidden) the first hidden layers of the scoring networks, of features (N, F)."""
        hidden: Tensor = self.hidden_drop(torch.relu(self.hidden(feat)))
        return hidden.view(-1, self.num_heads, self.hidden_size)

    def scored(self, hidden: Tensor) -> Tensor:
        """(N, H) what the scoring networks make of their first hidden layers."""
        for weight, bias in zip(self.deeper, self.deeper_bias, strict=True):
            hidden = self.hidden_drop(torch.relu(torch.einsum("nhi,hio->nho", hidden, weight) + bias))
        scores: Tensor = (hidden * self.output).sum(-1) + self.output_bias
        return scores
