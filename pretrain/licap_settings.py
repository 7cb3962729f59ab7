"""The settings of LICAP pretraining, which is stage 1."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from nie.settings.run import FoldsRunConfig
from nie.settings.sections import CHANNELS, BatchConfig, ChannelName, OptimConfig, RelationsConfig, Section


class PreGATConfig(Section):
    """PreGAT, the encoder that LICAP trains."""

    head_size: int = Field(8, ge=1, le=65_536, description="size of each head of the first layer")
    num_heads: int = Field(8, ge=1, le=1024, description="heads of the first layer")
    structural_size: int = Field(64, ge=1, le=65_536, description="size of the structural embedding")
    semantic_size: int = Field(128, ge=1, le=65_536, description="size of the semantic embedding")
    rel_size: int = Field(10, ge=1, le=65_536, description="size of the relation embeddings")
    use_relations: bool = Field(True, description="whether attention sees relations; off: plain GAT")
    feat_drop: float = Field(0.0, ge=0, lt=1, description="dropout of the input of each layer")
    attn_drop: float = Field(0.0, ge=0, lt=1, description="dropout of attention weights")
    negative_slope: float = Field(0.01, ge=0, description="slope of the LeakyReLU on attention scores below 0")
    relations: RelationsConfig = RelationsConfig()


class LicapLossConfig(Section):
    """Label informed contrast (LICAP, TNNLS 2024)."""

    gamma: float = Field(0.1, gt=0, lt=1, description="share of training nodes in the top bin")
    width: float = Field(1.0, gt=0, description="width of a finer bin, on the label scale")
    eta1: float = Field(1.0, ge=0, description="weight of top against non-top")
    eta2: float = Field(1.0, ge=0, description="weight of the contrast between finer bins")
    temperature: float = Field(0.05, gt=0, description="temperature of the contrast; lower: near negatives count more")
    sampling: Literal["top_first", "random"] = Field(
        "top_first", description="which nodes are the top; random: the papers' control (r.d.)"
    )

    @model_validator(mode="after")
    def _something_to_learn(self) -> LicapLossConfig:
        if self.eta1 == 0 and self.eta2 == 0:
            raise ValueError("eta1 and eta2 are both 0, which leaves nothing to learn")
        return self


class LicapConfig(FoldsRunConfig):
    """Stage 1: LICAP pretraining of PreGAT embeddings."""

    stage: ClassVar[str] = "pretrain"

    channels: tuple[ChannelName, ...] = Field(CHANNELS, min_length=1, description="the channels to pretrain")
    model: PreGATConfig = PreGATConfig()
    loss: LicapLossConfig = LicapLossConfig()
    batch: BatchConfig = BatchConfig()
    optim: OptimConfig = OptimConfig(patience=20, clip_norm=10.0)

    def run_label(self) -> str:
        """The label that was given, or ``licap``."""
        return self.label or "licap"
