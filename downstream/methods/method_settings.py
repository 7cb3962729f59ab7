"""The settings that single methods of stage 2 have of their own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from downstream.heads.names import HeadName
from downstream.methods.importance_settings import ImportanceConfig, ModelConfig, NetworkConfig
from downstream.methods.loss_settings import ImportanceLossConfig
from downstream.methods.signal_settings import SignalsConfig
from nie.encoders import ENCODERS
from nie.fusions import FUSIONS
from nie.settings.sections import EncoderName, FusionName, OwnSettings, RelationsConfig
from nie.vocabulary import (
    ActivationName,
    AttentionName,
    GCNNorm,
    JumpingName,
    LayerActivationName,
    ReadoutName,
    RelationMode,
    RGCNNorm,
)


class RGTNConfig(ModelConfig):
    """RGTN (Huang et al., KDD 2021), with further channels, encoders and fusions."""

    head_size: int = Field(8, ge=1, le=65_536, description="size of each head")
    num_heads: int = Field(8, ge=1, le=1024, description="heads of each layer")
    num_layers: int = Field(3, ge=1, le=100, description="layers of the encoder transformer")
    rel_size: int = Field(10, ge=1, le=65_536, description="size of the relation embeddings")
    mode: RelationMode = Field("mul", description="how the relation enters the attention score")
    feat_drop: float = Field(0.3, ge=0, lt=1, description="dropout of the input of each layer")
    attn_drop: float = Field(0.0, ge=0, lt=1, description="dropout of attention weights")
    ffn_drop: float = Field(0.3, ge=0, lt=1, description="dropout within the feed-forward networks")
    residual: bool = Field(True, description="add the input of a layer to its output")
    attention: AttentionName = Field(
        "local", description="the nodes that the encoder transformer attends to: neighbours; all nodes; both"
    )
    jumping: JumpingName = Field(
        "last", description="what is read of its layers: the last; the largest of all; concat, a linear map of all"
    )
    activation: ActivationName = Field("linear", description="activation of the channels' scores")
    activate_mixture: bool = Field(
        False,
        description="put the activation on the mixture of the channels' scores, as eq. 13 of the paper does",
    )
    centrality_scale: bool = Field(False, description="scale the structural score by log in-degree")
    encoders: dict[str, EncoderName] = Field(
        {},
        description="encoder of a channel; transformer and pregat read the graph, variational a node's own features, "
        "variational_lstm a node's own sequence",
    )
    fusion: FusionName = Field("co_attention", description="how the channels of a node become one")
    fusion_settings: OwnSettings = Field({}, description="settings of the fusion, such as temperature")
    head: HeadName = Field(
        "channels", description="channels: mix the scores of the channels; vector: score the fused vector"
    )
    channel_drop: float = Field(0.0, ge=0, le=1, description="probability of hiding a channel of a node in training")
    channel_warmup: int = Field(0, ge=0, description="training steps until channel_drop is reached")
    first_channel: str | None = Field(None, description="the channel that training begins with, alone")
    first_steps: int = Field(0, ge=0, description="training steps in which first_channel is alone; then all channels")
    projection_size: int | None = Field(
        None, ge=1, le=65_536, description="size of the projections that the alignment loss compares"
    )
    reconstruct: bool = Field(False, description="decode the features of variational channels for their loss")
    relations: RelationsConfig = RelationsConfig()

    @property
    def relation_vectors(self) -> RelationsConfig:
        """The setting ``relations``."""
        return self.relations

    @property
    def sequences(self) -> tuple[str, ...]:
        """Those whose encoder reads sequences."""
        return tuple(name for name, kind in self.encoders.items() if ENCODERS[kind].reads_sequences)

    def check(self, settings: NetworkConfig) -> None:
        """Check that losses come with the parts that they train, and that centrality has a channel's score to scale."""
        loss = settings.loss.of_channels
        assert loss is not None, "RGTN is made with the losses of channels"
        if (self.first_channel is None) != (self.first_steps == 0):
            raise ValueError("model.first_channel and model.first_steps must be given together or not at all")
        if self.channel_warmup and self.channel_drop == 0:
            raise ValueError("model.channel_warmup leads up to model.channel_drop, which is 0; give both")
        if self.attention == "global" and self.mode != type(self).model_fields["mode"].default:
            raise ValueError("model.mode is about attention along edges, which model.attention global has none of")
        if self.centrality_scale and self.head != "channels":
            raise ValueError("model.centrality_scale scales the score of a channel; use it with model.head channels")
        if self.attention != "local" and (asked := settings.asks_for_batches):
            raise ValueError(f"model.attention {self.attention} reads all nodes in every step; leave {asked} out")
        if self.activate_mixture and self.head != "channels":
            raise ValueError("model.activate_mixture mixes the scores of channels; use it with model.head channels")
        variational = any(ENCODERS[kind].knows_variance for kind in self.encoders.values())
        if (loss.alignment_weight > 0) != (self.projection_size is not None):
            raise ValueError("loss.alignment_weight and model.projection_size must be given together or not at all")
        if self.reconstruct and loss.variational_weight == 0:
            raise ValueError("model.reconstruct needs loss.variational_weight, by which its decoders learn")
        if loss.variational_weight > 0 and not FUSIONS[self.fusion].needs_logvar and not variational:
            raise ValueError("loss.variational_weight needs variances: a fusion by uncertainty or model.encoders")
        if self.reconstruct and settings.fine_tune:
            raise ValueError("model.reconstruct decodes features, and fine_tune changes them; use one of the two")
        if self.reconstruct and not variational:
            raise ValueError("model.reconstruct decodes variational channels; name one in model.encoders")


class GENIConfig(ModelConfig):
    """GENI (Park et al., KDD 2019)."""

    hidden_size: int | None = Field(
        None, ge=1, le=65_536, description="hidden size of the scoring networks; by default half the number of features"
    )
    score_layers: int = Field(1, ge=1, le=100, description="hidden layers of every scoring network")
    num_heads: int = Field(4, ge=1, le=1024, description="scoring networks, and heads of the score aggregation")
    num_layers: int = Field(2, ge=1, le=100, description="layers of score aggregation")
    rel_size: int = Field(10, ge=1, le=65_536, description="size of the relation embeddings")
    feat_drop: float = Field(0.3, ge=0, lt=1, description="dropout of the features")
    hidden_drop: float | None = Field(
        None, ge=0, lt=1, description="dropout within the scoring networks; by default that of the features"
    )
    attn_drop: float = Field(0.0, ge=0, lt=1, description="dropout of attention weights")
    negative_slope: float = Field(0.2, ge=0, description="slope of the LeakyReLU on attention scores below 0")
    layer_activation: LayerActivationName = Field("linear", description="activation of the scores after each layer")
    activation: ActivationName = Field("linear", description="activation of the final score")
    centrality_scale: bool = Field(True, description="scale the score by log in-degree")
    scale_heads: bool = Field(
        False, description="scale the score of each head by itself, at first by log in-degree alone"
    )
    fixed_scale: bool = Field(False, description="scale the score by log in-degree itself, and learn no factors")
    shared_relations: bool = Field(False, description="one embedding for all relations: attention sees none")

    def check(self, settings: NetworkConfig) -> None:
        """Check that there is a scale that heads can have by themselves."""
        if self.scale_heads and not self.centrality_scale:
            raise ValueError("model.scale_heads is about model.centrality_scale, which is off")
        if self.fixed_scale and (self.scale_heads or not self.centrality_scale):
            raise ValueError("model.fixed_scale needs model.centrality_scale, and no model.scale_heads, which learns")


class MultiImportConfig(GENIConfig):
    """MULTIIMPORT (Park et al., KDD 2020), on GENI's layers."""

    signals: SignalsConfig = SignalsConfig()

    @property
    def several_signals(self) -> SignalsConfig:
        """The setting ``signals``."""
        return self.signals

    def check(self, settings: NetworkConfig) -> None:
        """Check that no other loss of the label is asked for than the likelihood of all signals."""
        super().check(settings)
        own, usual = settings.loss, ImportanceLossConfig()
        for name in ("importance", "value", "label_noise", "groups"):
            if getattr(own, name) != getattr(usual, name):
                raise ValueError(f"multi-import learns by the likelihood of all signals; leave loss.{name} out")


class HiddenConfig(ModelConfig):
    """Hidden layers of one size, as an MLP has them."""

    hidden_size: int = Field(64, ge=1, le=65_536, description="size of every hidden layer")
    num_layers: int = Field(2, ge=1, le=100, description="hidden layers")
    feat_drop: float = Field(0.3, ge=0, lt=1, description="dropout of the input of each layer")


class ConvolutionConfig(HiddenConfig):
    """Graph convolutions, of which the last may give the score: GraphSAGE."""

    readout: ReadoutName = Field(
        "linear", description="what gives the score: a linear map of the last layer, or the last convolution itself"
    )

    def check(self, settings: NetworkConfig) -> None:
        """Check that tiers have a hidden vector to be read from."""
        if self.readout == "convolution" and settings.learns_tiers:
            raise ValueError("loss.tier_weight needs model.readout linear, because tiers are read from the last layer")


class GCNLayers(ModelConfig):
    """What the layers of GCN have of their own, in whatever network they stand."""

    norm: GCNNorm = Field("symmetric", description="how neighbours are weighed: by both degrees, or not at all")


class GCNConfig(GCNLayers, ConvolutionConfig):
    """Graph convolutional network."""


class GATConfig(HiddenConfig):
    """Graph attention network."""

    num_heads: int = Field(8, ge=1, le=1024, description="heads that share the hidden size")
    attn_drop: float = Field(0.0, ge=0, lt=1, description="dropout of attention weights")
    negative_slope: float = Field(0.2, ge=0, description="slope of the LeakyReLU on attention scores below 0")

    def check(self, settings: NetworkConfig) -> None:
        """Check that the heads can share the hidden size evenly."""
        check_heads(self.hidden_size, self.num_heads)


class SGCConfig(ModelConfig):
    """Simplified graph convolution."""

    num_hops: int = Field(2, ge=1, le=100, description="how often the features are averaged over neighbours")
    feat_drop: float = Field(0.3, ge=0, lt=1, description="dropout of the features")


class RGCNLayers(ModelConfig):
    """What the layers of R-GCN have of their own, in whatever network they stand."""

    num_bases: int | None = Field(
        4, ge=1, le=1024, description="matrices that the relations' matrices are sums of; none: a free one for each"
    )
    norm: RGCNNorm = Field("mean", description="what is made of the neighbours' messages: their mean, or their sum")


class RGCNConfig(RGCNLayers, ConvolutionConfig):
    """Relational graph convolutional network."""


class TunedConfig(HiddenConfig):
    """Graph convolutions within residual blocks."""

    hidden_size: int = Field(128, ge=1, le=65_536, description="size of every hidden layer")
    num_layers: int = Field(3, ge=1, le=100, description="convolutions")
    feat_drop: float = Field(0.3, ge=0, lt=1, description="dropout of the features")
    hidden_drop: float = Field(0.3, ge=0, lt=1, description="dropout of the input of each convolution")
    layer_norm: bool = Field(True, description="normalise the input of each convolution")


class TunedGCNConfig(GCNLayers, TunedConfig):
    """GCN within residual blocks."""


class TunedGATConfig(TunedConfig, GATConfig):
    """GAT within residual blocks."""


class TunedRGCNConfig(RGCNLayers, TunedConfig):
    """R-GCN within residual blocks."""


def check_heads(hidden_size: int, num_heads: int) -> None:
    """Raise ValueError unless the heads can share the hidden size evenly."""
    if hidden_size % num_heads:
        raise ValueError(f"model.hidden_size must be a multiple of model.num_heads; got {hidden_size} and {num_heads}")


BlendedAverage = Literal["scores", "ranks", "chosen"]


class BlendConfig(ImportanceConfig):
    """Stage 2 by blending finished runs."""

    runs_in: ClassVar[tuple[str, ...]] = ("parts",)
    not_in_name: ClassVar[dict[str, Any]] = {**ImportanceConfig.not_in_name, "skip_unfinished": True}

    parts: tuple[str, ...] = Field(..., min_length=2, description="folders of the stage-2 runs to blend")
    skip_unfinished: bool = Field(
        False,
        description="leave out parts that have not finished a fold, as one that failed, where two others have; "
        "a fold is blended anew when they have finished it",
    )
    average: BlendedAverage = Field(
        "scores",
        description="what is averaged: scores, the ranks of the nodes by them, or chosen: which of the two orders "
        "validation nodes better",
    )
