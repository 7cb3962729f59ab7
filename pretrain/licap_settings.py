"""The settings of LICAP pretraining, which is stage 1."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from nie.data.dates import days
from nie.settings.memory import MEMORY, Memory, check_accumulate, check_memory
from nie.settings.run import FoldsRunConfig
from nie.settings.sections import CHANNELS, BatchConfig, Channels, OptimConfig, RelationsConfig, Section
from nie.vocabulary import LEARNED_LABELS, JumpingName, LearnedLabels

ObjectiveName = Literal["licap", "rank-n-contrast", "y-aware", "regression", "untrained"]
BinsName = Literal["top", "top-quantiles", "quantiles"]
RepelName = Literal["near", "far"]


class PreGATConfig(Section):
    """PreGAT, the encoder that LICAP trains."""

    num_layers: int = Field(2, ge=1, le=100, description="layers of attention")
    head_size: int = Field(8, ge=1, le=65_536, description="size of each head of all layers but the last")
    num_heads: int = Field(8, ge=1, le=1024, description="heads of all layers but the last")
    structural_size: int = Field(64, ge=1, le=65_536, description="size of the structural embedding")
    semantic_size: int = Field(128, ge=1, le=65_536, description="size of the semantic embedding")
    rel_size: int = Field(10, ge=1, le=65_536, description="size of the relation embeddings")
    use_relations: bool = Field(True, description="whether attention sees relations; off: plain GAT")
    feat_drop: float = Field(0.0, ge=0, lt=1, description="dropout of the input of each layer")
    attn_drop: float = Field(0.0, ge=0, lt=1, description="dropout of attention weights")
    negative_slope: float = Field(0.01, ge=0, description="slope of the LeakyReLU on attention scores below 0")
    residual: bool = Field(False, description="add a linear map of a node's own features to what each layer gives")
    norm: bool = Field(False, description="normalise what each layer but the last gives")
    jumping: JumpingName = Field("last", description="what the last layer reads of the others: the last; max; concat")
    relations: RelationsConfig = RelationsConfig()


class ContrastConfig(Section):
    """Label informed contrast (LICAP, TNNLS 2024)."""

    gamma: float = Field(0.1, gt=0, lt=1, description="share of training nodes in the top bin")
    width: float = Field(1.0, gt=0, description="width of a finer bin, on the label scale")
    eta1: float = Field(1.0, ge=0, description="weight of top against non-top")
    eta2: float = Field(1.0, ge=0, description="weight of the contrast between finer bins")
    temperature: float = Field(0.05, gt=0, description="temperature of the contrast; lower: near negatives count more")
    sampling: Literal["top_first", "random"] = Field(
        "top_first", description="which nodes are the top; random: the papers' control (r.d.)"
    )
    bins: BinsName = Field(
        "top",
        description="the finer bins: top, the top bin cut by width; top-quantiles, the top bin cut into num_bins equal "
        "counts; quantiles, all training nodes cut into num_bins equal counts",
    )
    num_bins: int = Field(10, ge=2, le=1000, description="finer bins of equal counts")
    repel: RepelName = Field(
        "near",
        description="the finer bins that push a node away most: near, by the coefficients beta of the paper; far, by "
        "1 - beta",
    )

    @model_validator(mode="after")
    def _bins_of_what_is_drawn(self) -> ContrastConfig:
        if self.sampling == "random" and self.bins != "top":
            raise ValueError("sampling random draws the top bin, which bins of equal counts do not read; use bins top")
        return self

    @model_validator(mode="after")
    def _something_to_learn(self) -> ContrastConfig:
        if self.eta1 == 0 and self.eta2 == 0:
            raise ValueError("eta1 and eta2 are both 0, which leaves nothing to learn")
        return self


class LicapLossConfig(ContrastConfig):
    """What stage 1 learns from labels: by default the contrast of LICAP."""

    objective: ObjectiveName = Field(
        "licap",
        description="licap; rank-n-contrast and y-aware, contrasts of all training nodes; regression, the control that "
        "learns the label itself; untrained, the control that learns nothing",
    )
    bandwidth: float = Field(0.5, gt=0, description="width of the kernel on labels of y-aware, on the label scale")
    squared_error: float = Field(
        0.0, ge=0, description="weight of the squared error of a linear head on the embedding, beside a contrast"
    )

    @property
    def name(self) -> str:
        """What the loss is called in curves: its objective, and the regression beside it where there is one."""
        return f"{self.objective} and regression" if self.squared_error else self.objective

    @model_validator(mode="after")
    def _squared_error_beside_a_contrast(self) -> LicapLossConfig:
        if self.squared_error and self.objective in ("regression", "untrained"):
            raise ValueError(f"squared_error stands beside a contrast, and the objective {self.objective} has none")
        return self


class SnapshotsConfig(Section):
    """Training on what was known of a graph on earlier days, before it is trained on the graph as it is."""

    dates: tuple[str, ...] = Field(
        (), description="days, the earliest first: encoders are trained on what was known on each, and then on all"
    )
    warm_start: bool = Field(True, description="an encoder begins as the one of the day before it ended")
    temporal_weight: float = Field(
        0.0, ge=0, description="weight of a contrast that pulls a node to its own embedding of the day before"
    )
    shuffled: bool = Field(
        False, description="pull it to the embedding of another node of that day: the control of temporal_weight"
    )

    @field_validator("dates")
    @classmethod
    def _days_in_order(cls, dates: tuple[str, ...]) -> tuple[str, ...]:
        known = days("The settings", "snapshots.dates", dates)
        if known is not None and (np.isnat(known).any() or (np.diff(known).astype(int) <= 0).any()):
            raise ValueError("dates must be days, each later than the one before it")
        return dates

    @model_validator(mode="after")
    def _days_change_something(self) -> SnapshotsConfig:
        if self.dates and not (self.warm_start or self.temporal_weight):
            raise ValueError("snapshots of earlier days change nothing without warm_start and temporal_weight")
        if not self.dates and self.temporal_weight:
            raise ValueError("temporal_weight reads the embedding of an earlier day; name it in snapshots.dates")
        if self.shuffled and not self.temporal_weight:
            raise ValueError("shuffled is the control of temporal_weight, which is 0")
        return self


class LicapConfig(FoldsRunConfig):
    """Stage 1: pretraining of PreGAT embeddings, by LICAP unless the loss says otherwise."""

    stage: ClassVar[str] = "pretrain"
    runs_in: ClassVar[tuple[str, ...]] = ("teachers",)

    channels: Channels = Field(CHANNELS, description="the channels to pretrain")
    learned_labels: LearnedLabels = Field("given", description=LEARNED_LABELS)
    model: PreGATConfig = PreGATConfig()
    loss: LicapLossConfig = LicapLossConfig()
    batch: BatchConfig = BatchConfig()
    memory: Memory | None = Field(None, description=MEMORY)
    optim: OptimConfig = OptimConfig(patience=20, clip_norm=10.0)
    select: Literal["contrast", "probe"] = Field(
        "contrast",
        description="what picks the epoch: contrast, the least loss; probe, the best Spearman on validation nodes of a "
        "ridge regression on the embedding",
    )
    cross_fit: int | None = Field(
        None,
        ge=2,
        le=100,
        description="parts of the training nodes, each embedded by an encoder that has not seen its labels",
    )

    teachers: tuple[str, ...] = Field(
        (),
        description="folders of finished stage-2 runs of the same folds, whose mean prediction is learned as the label "
        "of every node that has none for training",
    )
    snapshots: SnapshotsConfig = SnapshotsConfig()

    @model_validator(mode="after")
    def _settings_go_together(self) -> LicapConfig:
        check_memory(self.memory, self.batch)
        check_accumulate(self.optim, self.batch.size or self.memory)
        if self.batch.sampler == "clusters":
            raise ValueError("batch.sampler clusters is for stage 2; a batch of stage 1 has its share of every bin")
        if self.cross_fit is not None and self.loss.objective == "untrained":
            raise ValueError("cross_fit keeps labels from an encoder, and the objective untrained reads none")
        if self.snapshots.dates and self.loss.objective == "untrained":
            raise ValueError("snapshots.dates train on earlier days, and the objective untrained does not train")
        if self.teachers and self.loss.objective == "untrained":
            raise ValueError("teachers give labels, and the objective untrained reads none")
        if self.teachers and (self.cross_fit is not None or self.snapshots.dates):
            what = "cross_fit" if self.cross_fit is not None else "snapshots.dates"
            raise ValueError(f"{what} keeps labels from an encoder which teachers have seen; give one of the two")
        whole = {
            "loss.squared_error": self.loss.squared_error,
            "snapshots.temporal_weight": self.snapshots.temporal_weight,
        }
        for name, weight in whole.items():
            if weight and (self.batch.size is not None or self.memory is not None):
                raise ValueError(f"{name} reads the whole graph in one step; leave batch.size and memory out")
        return self

    def run_label(self) -> str:
        """The label that was given, or the objective, with what differs from the paper's form of it."""
        loss = self.loss
        further = {
            loss.bins: loss.bins != "top",
            "far": loss.repel == "far",
            "regression": loss.squared_error > 0,
            "taught": bool(self.teachers),
            "cross-fitted": self.cross_fit is not None,
            "snapshots": bool(self.snapshots.dates),
        }
        return self.label or "-".join([loss.objective, *(word for word, holds in further.items() if holds)])
