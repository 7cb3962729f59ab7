"""Sections of settings that several stages share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from nie.encoders import ENCODERS
from nie.errors import nearest, shown
from nie.fusions import FUSIONS
from nie.vocabulary import RemovedLabels

if TYPE_CHECKING:
    from typing_extensions import Self

LARGEST_WHOLE = 2**31 - 1


def one_of(what: str, table: Mapping[str, Any], fits: Callable[[Any], bool] = lambda entry: True) -> AfterValidator:
    """A validator of settings that must be a key of ``table``, as it is when they are read, whose entry fits.

    >>> one_of("a fusion", FUSIONS).func("summ")
    Traceback (most recent call last):
        ...
    ValueError: a fusion must be one of concat, sum, ..., cross_modal_transformer (did you mean 'sum'?)
    """

    def check(name: str) -> str:
        names = [known for known, entry in table.items() if fits(entry)]
        if name not in names:
            raise ValueError(f"{what} must be one of {', '.join(names)}{nearest(name, names)}")
        return name

    return AfterValidator(check)


NEIGHBOURS = "neighbours"
"""The feature that puts together those of a node's neighbours (`nie.inputs.neighbours`)."""
NEIGHBOUR_LABELS = "neighbour-labels"
"""The feature that is made of the training labels around a node, so that it is another one in each fold."""
ChannelName = Literal["structural", "semantic"]
CHANNELS: tuple[ChannelName, ...] = get_args(ChannelName)


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"it names a channel twice; got {', '.join(names)}")
    return names


Channels = Annotated[tuple[ChannelName, ...], Field(min_length=1), AfterValidator(_different)]
OwnSettings = dict[str, bool | int | float | tuple[int | float, ...]]
"""Settings that only one entry of a table of names knows: numbers, lists of numbers, truth values."""


def check_own(what: str, name: str, known: Collection[str], given: Collection[str]) -> None:
    """Raise ValueError where ``what`` called ``name`` is given a setting that it does not have.

    >>> check_own("fusion", "softmax", ["weights"], ["weigths"])
    Traceback (most recent call last):
        ...
    ValueError: the fusion softmax has no setting 'weigths' (did you mean 'weights'?)
    """
    for setting in given:
        if setting not in known:
            raise ValueError(f"the {what} {name} has no setting {shown(setting)}{nearest(setting, known)}")


EncoderName = Annotated[str, one_of("an encoder", ENCODERS)]
FusionName = Annotated[str, one_of("a fusion", FUSIONS)]


class Section(BaseModel):
    """A group of settings: immutable, closed to keys it does not know, and strict.

    No value is taken for what it is not: neither ``True`` nor ``"5"`` is a number, and no number is infinite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _no_absurd_number(self) -> Self:
        """Refuse here what would be too large somewhere inside, as a number of 32 bits."""
        for name, value in self:
            if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
                raise ValueError(f"{name} must be at most {LARGEST_WHOLE}; got {shown(value)}")
        return self


class GraphConfig(Section):
    """The message graph that is built from the knowledge graph."""

    inverse_relations: bool = Field(False, description="add an inverse edge, with its own relation, to every edge")
    self_loops: bool = Field(True, description="add a self-loop to every node, with one extra relation")


class FeaturesConfig(Section):
    """The input channels: structural, semantic and any more.

    A name followed by ``~shuffled`` (rows in random order), ``~noise`` (normal values in their place), ``~flags`` (only
    whether a node has it) or ``~mean`` (of its sequence) is a control. ``neighbours`` puts together the features beside
    it in its channel of a node's neighbours; ``neighbour-labels`` is made of the training labels around a node.
    """

    structural: str = Field(
        "auto",
        description="auto, node2vec, relations, relation-counts, centrality, neighbours, neighbour-labels, a channel "
        "of the graph, some joined by +, or none",
    )
    semantic: str = Field("auto", description="minilm, mpnet, tfidf, a channel of the graph, some joined by +, or none")
    more: dict[str, str] = Field({}, description="further channels by name, each of features joined by +")
    degrees: bool = Field(True, description="append log in- and out-degree to the structural channel")
    standardize: bool = Field(
        True,
        description="scale every column to zero mean and unit variance over the nodes that have it; off: only columns "
        "with values beyond 30, such as years",
    )
    limit: float | None = Field(
        None, gt=0, description="beyond this, standardised values grow only with their logarithm, which tames outliers"
    )
    counted_relations: int = Field(64, ge=1, le=100_000, description="relations of relation-counts, the most frequent")
    num_walks: int = Field(10, ge=1, le=10_000, description="node2vec walks from every node")
    walk_length: int = Field(20, ge=2, le=10_000, description="steps of a node2vec walk")
    seed: int = Field(0, ge=0, description="seed of the feature computation")

    @model_validator(mode="after")
    def _limits_what_is_standardised(self) -> FeaturesConfig:
        if self.limit is not None and not self.standardize:
            raise ValueError("limit is for standardised features, and standardize is off; leave one of them out")
        return self


def features_in(names: str) -> list[str]:
    """The features that the setting of a channel names, without what controls say of them.

    >>> features_in("node2vec+facts~shuffled")
    ['node2vec', 'facts']
    """
    return [name.partition("~")[0] for name in names.split("+")]


class FoldsConfig(Section):
    """Cross-validation over the labelled nodes."""

    num_folds: int = Field(5, ge=2, description="number of folds that are made")
    seed: int = Field(0, ge=0, description="seed of the permutation; 0 is the published one")
    run: tuple[int, ...] = Field((0, 1, 2, 3, 4), description="the folds to run now")
    train_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of each fold's training nodes whose labels are given; a smaller share is a "
        "part of a larger one",
    )
    removed: RemovedLabels = Field(
        "none",
        description="training nodes that lose their labels: head, a random half of those with the largest labels; "
        "tail, of those with the smallest; random, as many of all: the control",
    )
    removed_share: float = Field(0.1, gt=0, le=0.5, description="share of the training nodes that removed takes")

    @model_validator(mode="after")
    def _folds_exist(self) -> FoldsConfig:
        for fold in self.run:
            if not 0 <= fold < self.num_folds:
                raise ValueError(f"folds.run names fold {fold}, but there are folds 0 to {self.num_folds - 1}")
        return self

    @model_validator(mode="after")
    def _a_share_is_removed_from_somewhere(self) -> FoldsConfig:
        if self.removed == "none" and self.removed_share != type(self).model_fields["removed_share"].default:
            raise ValueError("removed_share says how many labels removed takes; give removed, too")
        return self


class OptimConfig(Section):
    """Adam, its schedule and when to stop."""

    lr: float = Field(0.005, gt=0, description="learning rate; the peak with one_cycle and cosine")
    weight_decay: float = Field(5e-4, ge=0, description="L2 penalty in Adam")
    schedule: Literal["constant", "one_cycle", "cosine"] = Field(
        "constant",
        description="learning rate over the epochs; cosine: it rises to lr in the first epochs, and falls to 0 along a "
        "cosine",
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the epochs in which the rate of cosine rises")
    max_epochs: int = Field(1000, ge=1, description="epochs at most (all of them shape one_cycle and cosine)")
    patience: int = Field(100, ge=1, description="stop after so many epochs without a better validation score")
    min_epochs: int = Field(0, ge=0, description="epochs at least, however long none was better")
    accumulate: int = Field(
        1, ge=1, description="batches whose gradients make one step; a step is then as if they were one batch"
    )
    eval_every: int = Field(1, ge=1, description="epochs between two evaluations")
    clip_norm: float | None = Field(None, gt=0, description="bound on the gradient norm")
    ema: float | None = Field(
        None, gt=0, lt=1, description="decay a step of the moving average of the weights that is judged and kept"
    )

    @model_validator(mode="after")
    def _warmup_is_of_cosine(self) -> OptimConfig:
        if self.schedule != "cosine" and self.warmup != OptimConfig.model_fields["warmup"].default:
            raise ValueError(f"warmup is for the schedule cosine; got {self.schedule}")
        return self

    @model_validator(mode="after")
    def _ends_after_it_may(self) -> OptimConfig:
        if self.min_epochs > self.max_epochs:
            raise ValueError(f"min_epochs {self.min_epochs} is more than max_epochs, {self.max_epochs}")
        return self

    @model_validator(mode="after")
    def _patience_covers_an_evaluation(self) -> OptimConfig:
        if self.patience < self.eval_every:
            raise ValueError(f"patience {self.patience} ends before the first evaluation; raise it to eval_every")
        return self


class BatchConfig(Section):
    """Training on sampled blocks instead of the whole graph."""

    size: int | None = Field(
        None,
        ge=4,
        description="training nodes in a batch; in stage 1, top and non-top nodes together; by default the whole graph",
    )
    fanout: int = Field(-1, ge=-1, description="in-edges sampled for each node and layer; -1: all")
    sampler: Literal["uniform", "relation", "importance", "clusters"] = Field(
        "uniform",
        description="which in-edges a fanout takes: any (uniform); first one of each relation of a node, even beyond "
        "the fanout, and then any (relation); those of sources with few out-edges more often (importance); clusters: a "
        "batch is the training nodes of four random clusters of the graph, with all edges inside these",
    )

    @model_validator(mode="after")
    def _samples_something(self) -> BatchConfig:
        if self.fanout == 0:
            raise ValueError("fanout 0 leaves no edge; use -1 for all in-edges")
        if self.fanout != -1 and self.size is None:
            raise ValueError("fanout is for training in batches; give batch.size too")
        if self.sampler == "clusters":
            if self.size is None:
                raise ValueError("sampler clusters is for training in batches; give batch.size too")
            if self.fanout != -1:
                raise ValueError("sampler clusters takes all edges inside the clusters of a batch; leave fanout out")
        elif self.fanout == -1 and self.sampler != "uniform":
            raise ValueError(f"sampler {self.sampler} chooses among in-edges, and fanout -1 takes all; give a fanout")
        return self


class RelationsConfig(Section):
    """Where relation vectors come from; by default they are free parameters."""

    learned: bool = Field(True, description="a vector of free parameters for each relation")
    text: Literal["none", "minilm", "mpnet", "tfidf"] = Field("none", description="features of the relations' names")
    text_lr: float = Field(
        1.0, gt=0, description="learning rate of what reads the relations' names, in shares of optim.lr"
    )
    similarity_weight: float = Field(0.0, ge=0, description="weight of what the most similar relations add")
    context_weight: float = Field(0.0, ge=0, description="weight of what the graph around a relation adds")
    learn_weights: bool = Field(
        False,
        description="learn both weights, starting from those given; from their shares of 1 and both, if their sum is 1 "
        "or more",
    )
    literal: bool = Field(
        False, description="the published similarity, of which only the neighbours' vectors are normalised"
    )

    @model_validator(mode="after")
    def _something_to_read(self) -> RelationsConfig:
        if not self.learned and self.text == "none":
            raise ValueError("relations without free parameters need relations.text")
        if self.text_lr != 1.0 and self.text == "none":
            raise ValueError("relations.text_lr is for relations.text, which is none")
        if self.literal and not self.similarity_weight:
            raise ValueError("relations.literal is a form of the similarity; give relations.similarity_weight too")
        if self.learn_weights and not self.similarity_weight + self.context_weight:
            raise ValueError("relations.learn_weights learns similarity_weight and context_weight, which are both 0")
        return self
