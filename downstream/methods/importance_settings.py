"""The settings of stage 2, importance estimation, that its methods share.

What a method reads grows by a step with each class: the graph alone (`ImportanceConfig`), features of its nodes
(`FeatureConfig`), and what trains a network (`NetworkConfig`), which only lacks the network's own settings. That is why
they build on each other: a method has exactly the settings that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, create_model, field_validator, model_validator

from downstream.methods.loss_settings import ImportanceLossConfig
from downstream.methods.row_names import pretrained_label
from downstream.methods.signal_settings import SignalsConfig
from downstream.metrics.registry import METRICS
from downstream.metrics.tiers import SHARES, check_shares
from nie.settings.memory import MEMORY, Memory, check_accumulate, check_memory
from nie.settings.run import FoldsRunConfig
from nie.settings.sections import BatchConfig, ChannelName, Channels, OptimConfig, RelationsConfig, Section, one_of
from nie.vocabulary import LEARNED_LABELS, LearnedLabels

MetricName = Annotated[str, one_of("a metric that chooses epochs", METRICS, lambda metric: metric.selectable)]

PretrainedAs = Literal["replacement", "addition", "channel"]


class Embeddings(NamedTuple):
    """The settings of a method that reads pretrained embeddings, as `FeatureConfig` has them."""

    pretrained: str
    replaced: tuple[ChannelName, ...] | None
    pretrained_as: PretrainedAs


class ImportanceConfig(FoldsRunConfig):
    """Stage 2, importance estimation; a method that reads more than the graph has a subclass."""

    stage: ClassVar[str] = "downstream"
    reads_features: ClassVar[bool] = False

    method: str = Field("rgtn", description="the method that estimates importance")
    tier_shares: tuple[float, ...] = Field(
        SHARES, min_length=1, description="shares of the nodes that are in each tier of importance or above it"
    )

    @field_validator("tier_shares")
    @classmethod
    def _shares_ascend(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        check_shares(shares)
        return shares

    def run_label(self) -> str:
        """The label that was given, or the method."""
        return self.label or self.method

    def uses(self) -> Iterator[tuple[str, str]]:
        """Beside the features, the method."""
        yield from super().uses()
        yield "method", self.method

    @property
    def embeddings(self) -> Embeddings | None:
        """The pretrained run and the channels that its embeddings replace; None on raw features."""
        return None

    @property
    def judged_by(self) -> str:
        """The validation metric that settings are chosen by."""
        return "spearman"

    @property
    def ranges(self) -> Mapping[str, SearchRange]:
        """Where `nie search` looks, by dotted name of the setting; nothing for a method that has nothing to search."""
        return {}


class FeatureConfig(ImportanceConfig):
    """Stage 2 on raw or pretrained features."""

    reads_features: ClassVar[bool] = True
    reads_training_labels: ClassVar[bool] = True
    runs_in: ClassVar[tuple[str, ...]] = ("pretrained",)

    learned_labels: LearnedLabels = Field("given", description=LEARNED_LABELS)
    pretrained: str | None = Field(None, description="folder of a stage-1 run whose embeddings replace the features")
    replaced: Channels | None = Field(
        None, description="channels whose pretrained embeddings are read; by default all that there are"
    )
    pretrained_as: PretrainedAs = Field(
        "replacement",
        description="where embeddings stand: in the place of their channel's features, as an addition to them, or as a "
        "further channel",
    )

    def run_label(self) -> str:
        """The label that was given, or the method, with what its features are pretrained by and how they are read."""
        named = pretrained_label(self.method, self.pretrained) if self.pretrained else self.method
        return self.label or "-".join([named, *self._words()])

    def _words(self) -> Iterator[str]:
        """What the label says besides."""
        if self.pretrained and self.pretrained_as != "replacement":
            yield f"as-{self.pretrained_as}"

    @property
    def embeddings(self) -> Embeddings | None:
        """The pretrained run and the channels that its embeddings replace; None on raw features."""
        return Embeddings(self.pretrained, self.replaced, self.pretrained_as) if self.pretrained else None


class SearchRange(Section):
    """Where `nie search` looks for a setting: between two numbers, or among choices."""

    low: int | float | None = Field(None, description="the smallest number to try")
    high: int | float | None = Field(None, description="the largest number to try")
    log: bool = Field(False, description="draw numbers evenly on a logarithmic scale")
    choices: tuple[bool | int | float | str, ...] | None = Field(
        None, min_length=1, description="the values to try, in the place of numbers between two ends"
    )

    @model_validator(mode="after")
    def _one_kind_of_range(self) -> SearchRange:
        numbers = self.low is not None and self.high is not None and self.low < self.high
        if numbers == (self.choices is not None):
            raise ValueError("a range must have either low < high, or choices")
        if self.log and not (self.low and self.low > 0):
            raise ValueError("low must be above 0 on a logarithmic scale")
        return self

    def ends(self) -> list[bool | int | float | str]:
        """All choices, or both ends of the range."""
        return list(self.choices) if self.choices else [end for end in (self.low, self.high) if end is not None]

    def contains(self, value: object) -> bool:
        """Whether the search could try this value."""
        if self.low is None or self.high is None:
            return value in self.ends()
        return isinstance(value, (int, float)) and self.low <= value <= self.high


class SearchedConfig(FeatureConfig):
    """Stage 2 by a method that has settings worth searching."""

    not_in_name: ClassVar[dict[str, Any]] = {**FeatureConfig.not_in_name, "search": True}

    search: dict[str, SearchRange] = Field({}, description="ranges for nie search, by dotted name of the setting")

    @property
    def ranges(self) -> Mapping[str, SearchRange]:
        """Where `nie search` looks, by dotted name of the setting."""
        return self.search


class ModelConfig(Section):
    """The settings of a network's own; each network has a subclass."""

    @property
    def relation_vectors(self) -> RelationsConfig | None:
        """How the network's relation vectors are made; None for a network that has its own way."""
        return None

    @property
    def several_signals(self) -> SignalsConfig | None:
        """The signals that the network learns beside the label; None for one that learns the label alone."""
        return None

    @property
    def sequences(self) -> tuple[str, ...]:
        """Channels that the network reads as sequences."""
        return ()

    def check(self, settings: NetworkConfig) -> None:
        """Raise ValueError where these settings do not go together with the others of ``settings``."""


class NetworkConfig(SearchedConfig):
    """Stage 2 by a neural network; `NetworkConfig.of` gives the class of one network's settings."""

    runs_in: ClassVar[tuple[str, ...]] = (*SearchedConfig.runs_in, "teachers")

    model: ModelConfig
    loss: ImportanceLossConfig = ImportanceLossConfig()
    teachers: tuple[str, ...] = Field(
        (), description="folders of finished runs of the same folds, whose mean prediction is learned beside the labels"
    )
    batch: BatchConfig = BatchConfig()
    memory: Memory | None = Field(None, description=MEMORY)
    optim: OptimConfig = OptimConfig()
    centre_labels: bool = Field(True, description="learn the difference to the mean training label")
    select: MetricName = Field("spearman", description="validation metric that picks the epoch")
    select_value: MetricName | None = Field(
        None, description="validation metric that picks the epoch for RMSE and MedianAE; by default that of select"
    )
    shown_labels: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the training labels that is an input in each epoch, to learn the others from",
    )
    unseen_nodes: float = Field(0.0, ge=0, lt=1, description="share of the nodes that each epoch feeds as new ones")
    fine_tune: bool = Field(False, description="train the encoders of the pretrained run along with the network")
    fine_tune_lr: float = Field(0.1, gt=0, description="learning rate of these encoders, in shares of optim.lr")
    members: int = Field(1, ge=1, le=10, description="models of different seeds whose outputs are averaged")

    def _words(self) -> Iterator[str]:
        yield from super()._words()
        if self.fine_tune:
            yield "fine-tuned"
        if self.loss.contrast_weight:
            yield "joint"
        if self.teachers:
            yield "taught"

    @classmethod
    def of(cls, model: ModelConfig, loss: ImportanceLossConfig | None = None) -> type[NetworkConfig]:
        """The class of a network's settings.

        Args:
            model: the network's own settings, at their defaults.
            loss: those of its loss; the default is for a network that reads all channels as one.

        >>> class Own(ModelConfig):
        ...     num_layers: int = 2
        >>> NetworkConfig.of(Own())(dataset="geo").model.num_layers
        2
        """
        loss = ImportanceLossConfig() if loss is None else loss
        fields: dict[str, Any] = {"model": (type(model), model), "loss": (type(loss), loss)}
        return create_model(f"Network{type(model).__name__}", __base__=cls, **fields)

    @property
    def asks_for_batches(self) -> str | None:
        """The setting by which the network may train on batches; None where it trains on the whole graph."""
        return "memory" if self.memory is not None else "batch.size" if self.batch.size is not None else None

    @property
    def reads_rows(self) -> bool:
        """Whether training reads features row by row, so that they need not be held: on batches, and as they are."""
        return bool(self.asks_for_batches) and not (self.shown_labels or self.unseen_nodes or self.fine_tune)

    @property
    def learns_tiers(self) -> bool:
        """Whether the network has a head for tiers of importance."""
        return self.loss.tier_weight > 0

    def uses(self) -> Iterator[tuple[str, str]]:
        """Beside features and method, the losses that have a weight, and the metrics that choose epochs."""
        yield from super().uses()
        yield from (("metric", metric) for metric in self.selecting)
        yield from self.loss.uses()

    @property
    def judged_by(self) -> str:
        """The validation metric that settings and epochs are chosen by."""
        return self.select

    @property
    def selecting(self) -> list[str]:
        """The metrics that choose epochs; the first one chooses the epoch of the scores."""
        return list(dict.fromkeys([self.select, self.select_value or self.select]))

    @model_validator(mode="after")
    def _settings_go_together(self) -> NetworkConfig:
        if self.loss.importance_weight == 0 and not METRICS[self.select].of_tiers:
            of_tiers = [name for name, metric in METRICS.items() if metric.selectable and metric.of_tiers]
            raise ValueError(
                "loss.importance_weight is 0, so that tiers alone are learned; choose epochs by select "
                f"{' or '.join(of_tiers)}"
            )
        if self.fine_tune_lr != NetworkConfig.model_fields["fine_tune_lr"].default and not self.fine_tune:
            raise ValueError("fine_tune_lr is for fine_tune, which is off")
        taught_by = {name: getattr(self.loss, name) for name in ("teacher_weight", "teacher_rank_weight")}
        defaults = {name: type(self.loss).model_fields[name].default for name in taught_by}
        if not self.teachers and (taught_by != defaults or self.loss.teacher_certainty):
            raise ValueError(
                "teacher_weight, teacher_rank_weight and teacher_certainty are for teachers; "
                "name finished runs as teachers"
            )
        if self.loss.teacher_cka.weight and not self.teachers:
            raise ValueError("teacher_cka aligns with the layers of teachers; name finished runs as teachers")
        if self.teachers and not any((*taught_by.values(), self.loss.teacher_cka.weight)):
            raise ValueError("the weights of teachers, teacher_cka too, are 0, so that they would teach nothing")
        check_memory(self.memory, self.batch)
        check_accumulate(self.optim, self.asks_for_batches)
        if self.loss.groups.heads and (asked := self.asks_for_batches):
            raise ValueError(f"loss.groups.heads reads all nodes in every step; leave {asked} out")
        if self.learned_labels != "given" and (self.model.several_signals or self.loss.value == "gaussian"):
            raise ValueError("learned_labels is for what learns the label alone; leave signals and variances out")
        self.model.check(self)
        return self
