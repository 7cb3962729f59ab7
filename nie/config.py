"""The settings of each stage: frozen, typed classes, closed to keys that they do not know."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from pydantic import Field, model_validator

from nie.model_config import (
    PreGATConfig,
    Section,
)  # fmt: skip

Metric = Literal[
    "spearman", "rmse", "medianae", "ndcg@20", "ndcg@50", "ndcg@100", "ndcg@200", "over@20", "over@50", "over@100",
    "over@200", "macro_f1", "balanced_accuracy",
]  # fmt: skip
DEFAULTS_VERSION = 1
AnyRun = TypeVar("AnyRun", bound="RunConfig")
Stage = TypeVar("Stage", bound="StageConfig")
ChannelName = Literal["structural", "semantic"]


class GraphConfig(Section):
    """The message graph that is built from the knowledge graph."""

    inverse_relations: bool = Field(False, description="add an inverse edge, with its own relation, to every edge")
    self_loops: bool = Field(True, description="add one self-loop a node, with one extra relation")


class FeaturesConfig(Section):
    """The input channels: structural, semantic and any more.

    A name followed by ``~shuffled`` (rows in random order), ``~noise`` (normal values in their place) or ``~flags``
    (only whether a node has it) is a control.
    """

    structural: str = Field(
        "auto", description="node2vec, relations, a channel of the graph, some joined by +, or none"
    )
    semantic: str = Field("auto", description="minilm, tfidf, a channel of the graph, some joined by +, or none")
    more: dict[str, str] = Field({}, description="further channels by name, each of features joined by +")
    degrees: bool = Field(True, description="append log in- and out-degree to the structural channel")
    standardize: bool = Field(True, description="zero mean and unit variance a column, over the nodes that have it")
    limit: float | None = Field(
        None, gt=0, description="standardised values grow only with their logarithm beyond it, which tames outliers"
    )
    num_walks: int = Field(10, ge=1, description="node2vec walks from every node")
    walk_length: int = Field(20, ge=2, description="node2vec steps a walk")
    seed: int = Field(0, ge=0, description="seed of the feature computation")


class FoldsConfig(Section):
    """Cross-validation over the labelled nodes."""

    num_folds: int = Field(5, ge=2, description="number of folds that are made")
    seed: int = Field(0, ge=0, description="seed of the permutation; 0 is the published one")
    run: tuple[int, ...] = Field((0, 1, 2, 3, 4), description="the folds to run now")

    @model_validator(mode="after")
    def _folds_exist(self) -> FoldsConfig:
        for fold in self.run:
            if not 0 <= fold < self.num_folds:
                raise ValueError(f"folds.run names fold {fold}, but there are folds 0 to {self.num_folds - 1}")
        return self


class OptimConfig(Section):
    """Adam, its schedule and when to stop."""

    lr: float = Field(0.005, gt=0, description="learning rate; the peak with one_cycle")
    weight_decay: float = Field(5e-4, ge=0, description="L2 penalty in Adam")
    schedule: Literal["constant", "one_cycle"] = Field("constant", description="learning rate over the epochs")
    max_epochs: int = Field(1000, ge=1, description="epochs at most (all of them shape one_cycle)")
    patience: int = Field(100, ge=1, description="stop after so many epochs without a better validation score")
    eval_every: int = Field(1, ge=1, description="epochs between two evaluations")
    clip_norm: float | None = Field(None, gt=0, description="bound on the gradient norm")

    @model_validator(mode="after")
    def _patience_covers_an_evaluation(self) -> OptimConfig:
        if self.patience < self.eval_every:
            raise ValueError(f"patience {self.patience} ends before the first evaluation; raise it to eval_every")
        return self


class LicapLossConfig(Section):
    """Label informed contrast (METHODS section 3)."""

    gamma: float = Field(0.1, gt=0, lt=1, description="share of training nodes in the top bin")
    width: float = Field(1.0, gt=0, description="width of a finer bin, on the label scale")
    eta1: float = Field(1.0, ge=0, description="weight of top against non-top")
    eta2: float = Field(1.0, ge=0, description="weight of the contrast between finer bins")
    temperature: float = Field(0.05, gt=0)
    sampling: Literal["top_first", "random"] = Field("top_first", description="random: the papers' r.d. study")

    @model_validator(mode="after")
    def _something_to_learn(self) -> LicapLossConfig:
        if self.eta1 == 0 and self.eta2 == 0:
            raise ValueError("eta1 and eta2 are both 0, which leaves nothing to learn")
        return self


class ImportanceLossConfig(Section):
    """Regression on the score, and a listwise term (METHODS section 4)."""

    listwise_weight: float = Field(0.3, ge=0, description="a: weight of the listwise term")
    list_size: int = Field(100, ge=2, description="n: nodes a list, the node itself included")


class ChannelLossConfig(ImportanceLossConfig):
    """The same, with the errors of the channels' own scores."""

    channel_weight: float = Field(0.5, ge=0, le=1, description="l: share of the channels' own errors")
    alignment_weight: float = Field(
        0.0, ge=0, description="weight of the alignment of channels (model.projection_size)"
    )
    alignment: Literal["combined", "neighbourhood", "contrastive", "cosine_mse"] = Field(
        "combined", description="neighbourhood: nodes that share neighbours count as partly the same"
    )
    variational_weight: float = Field(0.0, ge=0, description="weight of the variational loss")
    importance_weight: float = Field(1.0, ge=0, description="weight of importance itself; 0 to learn tiers alone")
    tier_weight: float = Field(
        0.0, ge=0, description="weight of the tiers of importance, which get a head of their own"
    )
    tier_loss: Literal["cross_entropy", "focal", "balanced_focal", "smoothing", "focal_smoothing", "ordinal"] = Field(
        "cross_entropy", description="loss of the head for tiers"
    )

    @model_validator(mode="after")
    def _something_to_learn(self) -> ChannelLossConfig:
        if self.importance_weight == 0 and self.tier_weight == 0:
            raise ValueError("importance_weight and tier_weight are both 0, which leaves nothing to learn")
        return self


class BatchConfig(Section):
    """Training on sampled blocks instead of the whole graph."""

    size: int | None = Field(None, ge=4, description="training nodes a batch; by default all, on the whole graph")
    fanout: int = Field(-1, ge=-1, description="in-edges sampled a node and layer; -1: all")

    @model_validator(mode="after")
    def _samples_something(self) -> BatchConfig:
        if self.fanout == 0:
            raise ValueError("fanout 0 leaves no edge; use -1 for all in-edges")
        if self.fanout != -1 and self.size is None:
            raise ValueError("fanout is for training in batches; give batch.size too")
        return self


class RunConfig(Section):
    """What every run has."""

    dataset: str = Field(..., min_length=1, description="name of a processed or buildable knowledge graph")
    label: str | None = Field(
        None, pattern=r"^[\w.+-]+$", description="first part of the run's folder name; by default the method's name"
    )
    seed: int = Field(0, ge=0, description="seed of initial weights, dropout and samplers")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    reported: dict[str, dict[str, str | float]] = Field({}, description="published rows, shown apart in tables")

    def run_label(self) -> str:
        """The label that was given, or what the stage calls its runs."""
        raise NotImplementedError

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The folds, or the repetitions that stand in their place, to run."""
        raise NotImplementedError

    def on_folds(self: AnyRun, *folds: int) -> AnyRun:
        """The same settings, to be run on these folds."""
        raise NotImplementedError

    def digest(self) -> str:
        """Eight hex digits of everything that can change a result and is not at its default.

        A new setting whose default changes nothing leaves finished runs where they are. Whoever changes what a default
        means raises `DEFAULTS_VERSION`.
        """
        document = self.model_dump(
            mode="json", exclude={"label", "reported", "search", "repeats"}, exclude_defaults=True
        )
        folds = {key: value for key, value in document.pop("folds", {}).items() if key != "run"}
        document |= {"folds": folds} if folds else {}
        # A run's folder name says what is in it, wherever it is kept.
        if "pretrained" in document:
            document["pretrained"] = Path(document["pretrained"]).name
        if "parts" in document:
            document["parts"] = [Path(part).name for part in document["parts"]]
        document["defaults"] = DEFAULTS_VERSION
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:8]


class StageConfig(RunConfig):
    """What both stages of importance share."""

    runs_on_cuda: ClassVar[bool] = True
    """False where ``device: auto`` means the CPU, for methods that run on DGL itself."""

    graph: GraphConfig = GraphConfig()
    features: FeaturesConfig = FeaturesConfig()
    folds: FoldsConfig = FoldsConfig()

    def run_label(self) -> str:
        """The label that was given, or what the stage calls its runs."""
        return self.label or "licap"

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The folds to run."""
        return self.folds.run

    def on_folds(self: Stage, *folds: int) -> Stage:
        """The same settings, to be run on these folds."""
        return self.model_copy(update={"folds": self.folds.model_copy(update={"run": folds})})


class LicapConfig(StageConfig):
    """Stage 1: LICAP pretraining of PreGAT embeddings."""

    channels: tuple[ChannelName, ...] = Field(
        ("structural", "semantic"), min_length=1, description="the channels to pretrain"
    )
    model: PreGATConfig = PreGATConfig()
    loss: LicapLossConfig = LicapLossConfig()
    optim: OptimConfig = OptimConfig(patience=20, clip_norm=10.0)


class ImportanceConfig(StageConfig):
    """Stage 2: importance estimation; a method that reads more than the graph has a subclass."""

    method: str = Field("rgtn", description="what estimates")

    def run_label(self) -> str:
        """The label that was given, or the method."""
        return self.label or self.method
