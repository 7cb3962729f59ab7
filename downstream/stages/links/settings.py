"""The settings of link prediction."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, model_validator

from downstream.losses.table import ALIGNMENTS
from nie.fusions import FUSIONS, RELATION_GUIDED
from nie.settings.run import RunConfig
from nie.settings.sections import (
    OptimConfig,
    OwnSettings,
    RelationsConfig,
    Section,
    check_own,
    features_in,
    one_of,
)

AUXILIARY = ChainMap({"none": None, "info_nce": ALIGNMENTS["contrastive"]}, cast(dict[str, Any], ALIGNMENTS))
"""The alignments; ``info_nce`` is ``contrastive`` by the name that runs of link prediction have."""
AuxiliaryName = Annotated[str, one_of("an alignment", AUXILIARY, lambda loss: loss is None or not loss.needs_links)]
LinkFusionName = Annotated[str, one_of("a fusion", ChainMap({RELATION_GUIDED: None}, FUSIONS))]
"""A fusion, or the one that RotatE alone has: attention with a temperature for each relation."""


class KGEConfig(Section):
    """RotatE (Sun et al., ICLR 2019), and what it does with further channels of entities."""

    size: int = Field(256, ge=1, le=65_536, description="complex dimensions of an entity")
    margin: float = Field(9.0, gt=0, description="score of a perfect match")
    fusion: LinkFusionName = Field("attention", description="how an entity's embedding and its channels become one")
    fusion_settings: OwnSettings = Field({}, description="settings of the fusion, such as literal")
    channel_drop: float = Field(0.0, ge=0, le=1, description="probability of hiding a channel in training")
    channel_lr: float = Field(1.0, gt=0, description="learning rate of what reads channels, in shares of optim.lr")
    trainable_channels: bool = Field(False, description="learn the features of channels, too")
    projection_size: int | None = Field(
        None, ge=1, le=65_536, description="size of the projections that the auxiliary loss compares"
    )
    generator: bool = Field(False, description="have a generator of made-up channels, for adversarial training")
    mixed_precision: bool = Field(False, description="fuse channels in bfloat16")
    extract_after: int = Field(0, ge=0, description="epochs before cross_modal_transformer takes part")
    relations: RelationsConfig = Field(RelationsConfig(), description="what the rotations of relations are made from")


class NegativesConfig(Section):
    """The corrupted triples that a model learns from."""

    count: int = Field(256, ge=1, description="entities that take the place of each head or tail")
    sharing: Literal["batch", "triple"] = Field(
        "batch",
        description="batch: all triples of a step share them, about 1.5 times as fast; triple: each has its own",
    )
    temperature: float = Field(
        1.0, ge=0, description="how much the model's own scores weigh negatives; 0: all count alike"
    )
    corruption: Literal["uniform", "bernoulli"] = Field(
        "uniform", description="which end is replaced; bernoulli: more often the one with fewer true answers"
    )


class LinkLossConfig(Section):
    """What is learned besides telling triples from corrupted ones."""

    auxiliary: AuxiliaryName = Field(
        "none", description="loss that draws the channels of an entity together; info_nce: contrastive"
    )
    auxiliary_weight: float = Field(0.1, gt=0, description="weight of the auxiliary loss, where there is one")
    auxiliary_settings: OwnSettings = Field(
        {}, description="settings of auxiliary: temperature, ratios, or lambda_mse and lambda_contrastive of mixed"
    )
    adversarial_weight: float = Field(0.0, ge=0, description="weight of the triples with made-up channels")
    regularization: float = Field(
        0.0,
        ge=0,
        description="mu: weight of the mean square of the embeddings of a step's heads, relations and tails",
    )

    @model_validator(mode="after")
    def _own_settings_are_known(self) -> LinkLossConfig:
        known = () if AUXILIARY[self.auxiliary] is None else AUXILIARY[self.auxiliary].settings
        check_own("auxiliary loss", self.auxiliary, known, self.auxiliary_settings)
        return self


class UnseenConfig(Section):
    """A place, after training, for the entities that no training triple names."""

    features: str = Field(
        "none",
        description="features, such as minilm, by whose likeness entities are placed that no training triple names",
    )
    neighbours: int = Field(
        10, ge=1, description="how many of the trained entities with the most similar features place an entity"
    )
    temperature: float = Field(
        0.1, gt=0, description="temperature of the neighbours' weights; lower: the most similar count more"
    )


class LinkConfig(RunConfig):
    """Link prediction by a model of embeddings."""

    stage: ClassVar[str] = "links"
    splits_graph: ClassVar[bool] = True
    runs_in: ClassVar[tuple[str, ...]] = ("start_from",)
    not_in_name: ClassVar[dict[str, Any]] = {**RunConfig.not_in_name, "repeats": True}

    channels: dict[str, str] = Field(
        {}, description="further channels of entities by name, each of features joined by +"
    )
    start_from: str | None = Field(
        None,
        description="folder of a finished run without channels, whose embeddings a model with channels starts from",
    )
    relation_context: str = Field(
        "none",
        description="features of entities, such as minilm, of which model.relations.context_weight takes the means "
        "over a relation's heads and tails",
    )
    model: KGEConfig = KGEConfig()
    negatives: NegativesConfig = NegativesConfig()
    loss: LinkLossConfig = LinkLossConfig()
    unseen: UnseenConfig = UnseenConfig()
    batch_size: int = Field(1024, ge=1, description="triples in a training step")
    optim: OptimConfig = OptimConfig(lr=0.001, weight_decay=0.0, max_epochs=100, eval_every=5, patience=20)
    hold_out: float = Field(
        0.05, gt=0, lt=0.5, description="share of the triples to validate on, and to test on, where a graph brings none"
    )
    valid_at_least: int = Field(
        0, ge=0, description="triples to validate on; those that a graph's own split lacks are taken from training"
    )
    hold_out_relations: float = Field(
        0.0, ge=0, lt=0.5, description="share of the relations that are tested without having been trained (zero-shot)"
    )
    repeats: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="numbers of the repetitions to run, each with a seed of its own"
    )

    @model_validator(mode="after")
    def _channel_settings_have_channels(self) -> LinkConfig:
        plain = {"size", "margin", "relations"}
        if not self.channels and self.model.model_dump(exclude=plain) != KGEConfig().model_dump(exclude=plain):
            raise ValueError("model.fusion and what belongs to it need channels, such as channels: {text: minilm}")
        return self

    @model_validator(mode="after")
    def _losses_have_what_they_train(self) -> LinkConfig:
        if (self.loss.auxiliary != "none") != (self.model.projection_size is not None):
            raise ValueError("loss.auxiliary and model.projection_size must be given together or not at all")
        if (self.loss.adversarial_weight > 0) != self.model.generator:
            raise ValueError("loss.adversarial_weight and model.generator must be given together or not at all")
        return self

    @model_validator(mode="after")
    def _fusion_settings_fit_the_fusion(self) -> LinkConfig:
        late = [name for name, fusion in FUSIONS.items() if fusion.starts_as_identity]
        if self.model.extract_after and self.model.fusion not in late:
            raise ValueError(
                f"model.extract_after switches on the fusion {' or '.join(late)}; with another, leave it at 0"
            )
        if self.model.extract_after >= self.optim.max_epochs:
            raise ValueError(
                "model.extract_after is optim.max_epochs or more, so that the extractor would never take part"
            )
        if self.model.fusion_settings and self.model.fusion == RELATION_GUIDED:
            raise ValueError(f"the fusion {RELATION_GUIDED} has no settings; leave model.fusion_settings out")
        return self

    @model_validator(mode="after")
    def _unseen_entities_have_one_way_to_a_place(self) -> LinkConfig:
        if self.unseen != UnseenConfig() and (self.channels or self.unseen.features == "none"):
            raise ValueError("unseen needs unseen.features, and no channels: these place such entities themselves")
        return self

    @model_validator(mode="after")
    def _repetitions_differ(self) -> LinkConfig:
        if len(set(self.repeats)) < len(self.repeats):
            raise ValueError("repeats names a repetition twice")
        return self

    @model_validator(mode="after")
    def _relations_have_what_they_read(self) -> LinkConfig:
        relations = self.model.relations
        if relations != RelationsConfig() and self.channels:
            raise ValueError(
                "model.relations serves RotatE without channels alone; leave channels or model.relations out"
            )
        if (relations.context_weight > 0) != (self.relation_context != "none"):
            raise ValueError(
                "model.relations.context_weight reads the features that relation_context names; give both or none"
            )
        if self.start_from is not None and not self.channels:
            raise ValueError("start_from is for a model with channels, such as channels: {text: minilm}")
        if self.hold_out_relations and (relations.learned or relations.text == "none"):
            raise ValueError(
                "hold_out_relations needs relations of text alone: --model.relations.text, --no-model.relations.learned"
            )
        return self

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The numbers of the repetitions."""
        return self.repeats

    def on_folds(self, *folds: int) -> LinkConfig:
        """The same settings, for these repetitions."""
        return self.model_copy(update={"repeats": folds})

    def uses(self) -> Iterator[tuple[str, str]]:
        """The features of channels and of unseen entities, and the alignment of channels."""
        for names in (*self.channels.values(), self.unseen.features, self.relation_context):
            yield from (("feature", name) for name in features_in(names))
        yield "loss of alignment", self.loss.auxiliary

    def run_label(self) -> str:
        """The label that was given, or the model and its channels."""
        return self.label or "+".join(["rotate", *self.channels])


_READ: dict[str, Any] = {
    **dict.fromkeys(
        (
            "dataset",
            "channels",
            "relation_context",
            "hold_out",
            "valid_at_least",
            "hold_out_relations",
            "seed",
            "device",
        ),
        True,
    ),
    "model": {"relations": {"text"}},
    "unseen": {"features"},
}
"""What `downstream.stages.links.inputs.LinkInputs` is made from, as pydantic's ``include``."""


def inputs_key(config: LinkConfig) -> str:
    """A key of what the inputs are made from: runs with the same key share their inputs."""
    return config.model_dump_json(include=_READ)
