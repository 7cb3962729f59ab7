"""The settings of every model, as `nie.config` puts them into the stages."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FusionName = Literal[
    "concat", "sum", "softmax", "attention", "co_attention", "uncertainty", "inverse_variance", "gated_uncertainty",
    "proxy_attention", "cross_modal_transformer",
]  # fmt: skip


class Section(BaseModel):
    """A group of settings: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RelationsConfig(Section):
    """Where relation vectors come from; by default they are free parameters."""

    learned: bool = Field(True, description="a vector of free parameters a relation")
    text: Literal["none", "minilm", "tfidf"] = Field("none", description="features of the relations' names")
    text_lr: float = Field(1.0, gt=0, description="learning rate of what reads their names, in shares of optim.lr")
    similarity_weight: float = Field(0.0, ge=0, lt=1, description="of what the most similar relations add")
    context_weight: float = Field(0.0, ge=0, lt=1, description="of what the graph around a relation adds")
    learn_weights: bool = Field(False, description="learn both weights, from those given")

    @model_validator(mode="after")
    def _something_to_read(self) -> RelationsConfig:
        if not self.learned and self.text == "none":
            raise ValueError("relations without free parameters need relations.text")
        if self.text_lr != 1.0 and self.text == "none":
            raise ValueError("relations.text_lr is for relations.text, which is none")
        if self.similarity_weight + self.context_weight >= 1:
            raise ValueError("relations.similarity_weight and relations.context_weight are below 1 together")
        if self.learn_weights and not self.similarity_weight + self.context_weight:
            raise ValueError("relations.learn_weights learns similarity_weight and context_weight, which are both 0")
        return self


class PreGATConfig(Section):
    """The encoder that LICAP trains (METHODS section 2)."""

    head_size: int = Field(8, ge=1)
    num_heads: int = Field(8, ge=1)
    structural_size: int = Field(64, ge=1, description="size of the structural embedding")
    semantic_size: int = Field(128, ge=1, description="size of the semantic embedding")
    rel_size: int = Field(10, ge=1, description="size of the relation embeddings")
    use_relations: bool = Field(True, description="off: plain GAT")
    feat_drop: float = Field(0.0, ge=0, lt=1)
    attn_drop: float = Field(0.0, ge=0, lt=1)
    negative_slope: float = Field(0.01, ge=0, description="of the LeakyReLU on attention scores")
    relations: RelationsConfig = RelationsConfig()


class RGTNConfig(Section):
    """The relational graph transformer network (METHODS section 4), with further channels, encoders and fusions."""

    head_size: int = Field(8, ge=1)
    num_heads: int = Field(8, ge=1)
    num_layers: int = Field(3, ge=1)
    rel_size: int = Field(10, ge=1, description="size of the relation embeddings")
    mode: Literal["mul", "add", "gate", "dot"] = Field("mul", description="how the relation enters the score")
    feat_drop: float = Field(0.3, ge=0, lt=1)
    attn_drop: float = Field(0.0, ge=0, lt=1)
    ffn_drop: float = Field(0.3, ge=0, lt=1)
    residual: bool = True
    activation: Literal["linear", "leaky_relu"] = Field("linear", description="of the importance head")
    centrality_scale: bool = Field(False, description="scale the structural score by log in-degree")
    encoders: dict[str, Literal["transformer", "pregat", "variational"]] = Field(
        {}, description="encoder of a channel; transformer and pregat read the graph, variational a node's own features"
    )
    fusion: FusionName = Field("co_attention", description="how the channels of a node become one")
    fusion_settings: dict[str, bool | int | float] = Field({}, description="of the fusion, such as temperature")
    head: Literal["channels", "vector"] = Field("channels", description="mix the channels' scores, or score the fused")
    channel_drop: float = Field(0.0, ge=0, le=1, description="probability of hiding a channel of a node in training")
    channel_warmup: int = Field(0, ge=0, description="training steps until channel_drop is reached")
    projection_size: int | None = Field(None, ge=1, description="of the projections that the alignment loss compares")
    reconstruct: bool = Field(False, description="decode the features of variational channels for their loss")
    relations: RelationsConfig = RelationsConfig()


class GENIConfig(Section):
    """GENI (METHODS section 5)."""

    hidden_size: int | None = Field(None, ge=1, description="of the scoring networks; by default half the features")
    num_heads: int = Field(4, ge=1, description="scoring networks, and heads of the score aggregation")
    num_layers: int = Field(2, ge=1, description="layers of score aggregation")
    rel_size: int = Field(10, ge=1, description="size of the relation embeddings")
    feat_drop: float = Field(0.3, ge=0, lt=1)
    attn_drop: float = Field(0.0, ge=0, lt=1)
    negative_slope: float = Field(0.2, ge=0, description="of the LeakyReLU on attention scores")
    activation: Literal["linear", "leaky_relu"] = Field("linear", description="of the final score")
    centrality_scale: bool = Field(True, description="scale the score by log in-degree")


class HiddenConfig(Section):
    """Hidden layers of one size: MLP, GCN and GraphSAGE."""

    hidden_size: int = Field(64, ge=1)
    num_layers: int = Field(2, ge=1)
    feat_drop: float = Field(0.3, ge=0, lt=1)


class GATConfig(HiddenConfig):
    """Graph attention network."""

    num_heads: int = Field(8, ge=1, description="heads that share the hidden size")
    attn_drop: float = Field(0.0, ge=0, lt=1)
    negative_slope: float = Field(0.2, ge=0, description="of the LeakyReLU on attention scores")


class SGCConfig(Section):
    """Simplified graph convolution."""

    num_hops: int = Field(2, ge=1, description="times that the features are averaged over neighbours")
    feat_drop: float = Field(0.3, ge=0, lt=1)


class RGCNConfig(HiddenConfig):
    """Relational graph convolutional network."""

    num_bases: int = Field(4, ge=1, description="matrices that the relations' matrices are sums of")
