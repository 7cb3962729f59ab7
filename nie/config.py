"""The settings of each stage: frozen, typed classes, closed to keys that they do not know."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Metric = Literal[
    "spearman", "rmse", "medianae", "ndcg@20", "ndcg@50", "ndcg@100", "ndcg@200", "over@20", "over@50", "over@100",
    "over@200",
]  # fmt: skip


class Section(BaseModel):
    """A group of settings: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GraphConfig(Section):
    """The message graph that is built from the knowledge graph."""

    inverse_relations: bool = Field(False, description="add an inverse edge, with its own relation, to every edge")
    self_loops: bool = Field(True, description="add one self-loop a node, with one extra relation")


class FeaturesConfig(Section):
    """The two input channels."""

    structural: str = Field("auto", description="node2vec or a channel of the graph; auto: its own, else node2vec")
    semantic: str = Field("auto", description="minilm, tfidf or a channel of the graph; auto: its own, else tfidf")
    degrees: bool = Field(True, description="append log in- and out-degree to the structural channel")
    standardize: bool = Field(True, description="zero mean and unit variance a column, over the nodes that have it")
    num_walks: int = Field(10, ge=1, description="node2vec walks from every node")
    walk_length: int = Field(20, ge=2, description="node2vec steps a walk")
    seed: int = Field(0, ge=0, description="seed of the feature computation")


class FoldsConfig(Section):
    """Cross-validation over the labelled nodes."""

    num_folds: int = Field(5, ge=2, description="number of folds that are made")
    seed: int = Field(0, ge=0, description="seed of the permutation; 0 is the published one")
    run: tuple[int, ...] = Field((0, 1, 2, 3, 4), description="the folds to run now")


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


class RGTNConfig(Section):
    """The relational graph transformer network (METHODS section 4)."""

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
    """Regression on the joint and the channels' scores, and a listwise term (METHODS section 4)."""

    channel_weight: float = Field(0.5, ge=0, le=1, description="l: share of the channels' own errors")
    listwise_weight: float = Field(0.3, ge=0, description="a: weight of the listwise term")
    list_size: int = Field(100, ge=2, description="n: nodes a list, the node itself included")


class StageConfig(Section):
    """What both stages share."""

    dataset: str = Field(..., min_length=1, description="name of a processed or buildable knowledge graph")
    label: str | None = Field(
        None, pattern=r"^[\w.+-]+$", description="first part of the run's folder name; by default the method's name"
    )
    graph: GraphConfig = GraphConfig()
    features: FeaturesConfig = FeaturesConfig()
    folds: FoldsConfig = FoldsConfig()
    seed: int = Field(0, ge=0, description="seed of initial weights, dropout and samplers")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    reported: dict[str, dict[str, str | float]] = Field({}, description="published rows, shown apart in tables")

    def run_label(self) -> str:
        """The label that was given, or what the stage calls its runs."""
        return self.label or "licap"

    def digest(self) -> str:
        """Eight hex digits of everything that can change a result."""
        document = self.model_dump(mode="json", exclude={"label": True, "reported": True, "folds": {"run"}})
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:8]


class LicapConfig(StageConfig):
    """Stage 1: LICAP pretraining of PreGAT embeddings."""

    channels: tuple[Literal["structural", "semantic"], ...] = Field(
        ("structural", "semantic"), min_length=1, description="the channels to pretrain"
    )
    model: PreGATConfig = PreGATConfig()
    loss: LicapLossConfig = LicapLossConfig()
    optim: OptimConfig = OptimConfig(patience=20, clip_norm=10.0)


class ImportanceConfig(StageConfig):
    """Stage 2: importance estimation on raw or pretrained features."""

    method: str = Field("rgtn", description="rgtn, pagerank, ridge or boosting")
    pretrained: str | None = Field(None, description="folder of a stage-1 run whose embeddings replace the features")
    model: RGTNConfig = RGTNConfig()
    loss: ImportanceLossConfig = ImportanceLossConfig()
    optim: OptimConfig = OptimConfig()
    centre_labels: bool = Field(True, description="learn the difference to the mean training label")
    select: Metric = Field("spearman", description="validation metric that picks the epoch")

    def run_label(self) -> str:
        """The label that was given, or the method, with ``+licap`` on pretrained features."""
        return self.label or self.method + ("+licap" if self.pretrained else "")
