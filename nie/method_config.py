"""The settings of each method of importance estimation, and the methods there are."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from nie.config import (
    BatchConfig,
    ChannelLossConfig,
    ChannelName,
    ImportanceConfig,
    ImportanceLossConfig,
    Metric,
    OptimConfig,
)
from nie.model_config import GATConfig, GENIConfig, HiddenConfig, RGCNConfig, RGTNConfig, Section, SGCConfig


class BlendMethod(ImportanceConfig):
    """Stage 2 by blending finished runs."""

    parts: tuple[str, ...] = Field(..., min_length=2, description="folders of the stage-2 runs to blend")


class FeatureMethod(ImportanceConfig):
    """Stage 2 on raw or pretrained features."""

    pretrained: str | None = Field(None, description="folder of a stage-1 run whose embeddings replace the features")
    replaced: tuple[ChannelName, ...] | None = Field(
        None, min_length=1, description="channels that pretrained embeddings replace; by default all that there are"
    )

    def run_label(self) -> str:
        """The label that was given, or the method, with ``+licap`` on pretrained features."""
        return self.label or self.method + ("+licap" if self.pretrained else "")


class SearchRange(Section):
    """Where `nie search` looks for a setting: between two numbers, or among choices."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = Field(False, description="even on a logarithmic scale")
    choices: tuple[bool | int | float | str, ...] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_kind_of_range(self) -> SearchRange:
        numbers = self.low is not None and self.high is not None and self.low < self.high
        if numbers == (self.choices is not None):
            raise ValueError("give either low < high, or choices")
        if self.log and not (self.low and self.low > 0):
            raise ValueError("a logarithmic scale needs low > 0")
        return self

    def ends(self) -> list[bool | int | float | str]:
        """All choices, or both ends of the range."""
        return list(self.choices) if self.choices else [end for end in (self.low, self.high) if end is not None]

    def contains(self, value: object) -> bool:
        """Whether the search could try this value."""
        if self.low is None or self.high is None:
            return value in self.ends()
        return isinstance(value, (int, float)) and self.low <= value <= self.high


class NetworkConfig(FeatureMethod):
    """Stage 2 by a neural network; each has a subclass with its own ``model``."""

    model: Section
    loss: ImportanceLossConfig = ImportanceLossConfig()
    optim: OptimConfig = OptimConfig()
    centre_labels: bool = Field(True, description="learn the difference to the mean training label")
    select: Metric = Field("spearman", description="validation metric that picks the epoch")
    select_value: Metric | None = Field(
        None, description="validation metric that picks the epoch for RMSE and MedianAE; by default that of select"
    )
    shown_labels: float = Field(
        0.0, ge=0, lt=1, description="part of the training labels that is input in an epoch, to learn the others from"
    )
    members: int = Field(1, ge=1, le=10, description="models of different seeds whose outputs are averaged")
    search: dict[str, SearchRange] = Field({}, description="ranges for nie search, by dotted name of the setting")

    def learns_tiers(self) -> bool:
        """Whether the network has a head for tiers of importance."""
        return isinstance(self.loss, ChannelLossConfig) and self.loss.tier_weight > 0


class RGTNMethod(NetworkConfig):
    """Stage 2 by RGTN."""

    model: RGTNConfig = RGTNConfig()
    loss: ChannelLossConfig = ChannelLossConfig()
    batch: BatchConfig = BatchConfig()

    @model_validator(mode="after")
    def _losses_have_their_parts(self) -> RGTNMethod:
        if self.loss.importance_weight == 0 and self.select not in ("macro_f1", "balanced_accuracy"):
            raise ValueError("loss.importance_weight is 0, so that tiers alone are learned: use select macro_f1")
        if (self.loss.alignment_weight > 0) != (self.model.projection_size is not None):
            raise ValueError("loss.alignment_weight and model.projection_size are given together or not at all")
        weighs = self.model.fusion in ("uncertainty", "inverse_variance", "gated_uncertainty")
        if self.model.reconstruct and self.loss.variational_weight == 0:
            raise ValueError("model.reconstruct needs loss.variational_weight, by which its decoders learn")
        if self.loss.variational_weight > 0 and not weighs and "variational" not in self.model.encoders.values():
            raise ValueError("loss.variational_weight needs variances: a fusion by uncertainty or model.encoders")
        if self.model.reconstruct and "variational" not in self.model.encoders.values():
            raise ValueError("model.reconstruct decodes variational channels; name one in model.encoders")
        return self


class GENIMethod(NetworkConfig):
    """Stage 2 by GENI."""

    model: GENIConfig = GENIConfig()
    batch: BatchConfig = BatchConfig()


class HiddenMethod(NetworkConfig):
    """Stage 2 by MLP, GCN or GraphSAGE."""

    runs_on_cuda: ClassVar[bool] = False

    model: HiddenConfig = HiddenConfig()


class GATMethod(NetworkConfig):
    """Stage 2 by GAT."""

    model: GATConfig = GATConfig()


class SGCMethod(NetworkConfig):
    """Stage 2 by SGC."""

    runs_on_cuda: ClassVar[bool] = False

    model: SGCConfig = SGCConfig()


class RGCNMethod(NetworkConfig):
    """Stage 2 by R-GCN."""

    runs_on_cuda: ClassVar[bool] = False

    model: RGCNConfig = RGCNConfig()


SEES_TEST_LABELS = ("ppr-published",)
"""Methods that are here to show what their leak is worth; nothing is compared with them or chosen among them."""

METHOD_CONFIGS: dict[str, type[ImportanceConfig]] = {
    "pagerank": ImportanceConfig,
    "ppr": ImportanceConfig,
    "ppr-published": ImportanceConfig,
    "linear": FeatureMethod,
    "ridge": FeatureMethod,
    "forest": FeatureMethod,
    "boosting": FeatureMethod,
    "mlp": HiddenMethod,
    "gcn": HiddenMethod,
    "graphsage": HiddenMethod,
    "gat": GATMethod,
    "sgc": SGCMethod,
    "rgcn": RGCNMethod,
    "geni": GENIMethod,
    "rgtn": RGTNMethod,
    "blend": BlendMethod,
}
"""Settings by method: a method's configuration has exactly the settings that it reads."""
