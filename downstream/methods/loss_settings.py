"""The settings of what a network of stage 2 is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from downstream.losses.table import (
    ALIGNMENTS,
    LISTWISE_LOSSES,
    TIER_LOSSES,
    AlignmentName,
    GroupWeight,
    ImportanceLossName,
    ListSampling,
    ListwiseLossName,
    TierLossName,
)
from nie.settings.sections import OwnSettings, Section, check_own
from nie.vocabulary import GroupingName
from pretrain.licap_settings import ContrastConfig

ValueName = Literal["point", "gaussian"]
VARIATIONAL = ("prior_weight", "reconstruction_weight", "cross_weight")
"""The weights of `downstream.losses.variational.variational_loss`."""


class GroupsConfig(Section):
    """Nodes in groups that the loss looks at apart."""

    by: GroupingName | None = Field(
        None,
        description="groups of nodes: clusters of predicates, communities, components, or equal shares by core number "
        "or PageRank",
    )
    count: int = Field(8, ge=2, le=1000, description="groups at most")
    shuffled: bool = Field(False, description="give the groups to other nodes at random, the control")
    weight: GroupWeight = Field(
        "none", description="weight of a group in the error: by its share of the nodes; alike; by what it is off by"
    )
    local_list: bool = Field(False, description="put nodes in order within their groups, too, by a listwise term")
    heads: int = Field(
        0,
        ge=0,
        le=1024,
        description="heads beside that of the network, mixed by a gate of the node's group; 0: none",
    )

    @model_validator(mode="after")
    def _groups_have_a_use(self) -> GroupsConfig:
        used = self.weight != "none" or self.local_list or self.heads > 0
        if (self.by is not None) != used:
            raise ValueError(
                "by says what the groups are, weight, local_list and heads what they are for; give both or none"
            )
        if self.by is None and (self.shuffled or self.count != type(self).model_fields["count"].default):
            raise ValueError("count and shuffled are about groups; give by, too")
        return self


class TeacherCKAConfig(Section):
    """Alignment of a student's hidden vectors with layers of the networks that teach it."""

    weight: float = Field(0.0, ge=0, description="weight of 1 - CKA of the vectors that scores are read from")
    layers: tuple[int, ...] = Field(
        (-1,), min_length=1, description="layers of every teacher that is a network, counted from its last, -1"
    )

    @model_validator(mode="after")
    def _layers_have_a_weight(self) -> TeacherCKAConfig:
        if self.weight == 0 and self.layers != type(self).model_fields["layers"].default:
            raise ValueError("layers says what hidden vectors are aligned with; give weight, too")
        return self


class ImportanceLossConfig(Section):
    """Regression on the score and a listwise term (RGTN, Huang et al., KDD 2021); tiers and a contrast besides."""

    listwise_weight: float = Field(0.3, ge=0, description="a: weight of the listwise term")
    list_size: Annotated[int, Field(ge=2, le=10_000)] | Literal["all"] = Field(
        100, description="n: nodes in a list, the node itself included; all: a single list of all training nodes"
    )
    list_sampling: ListSampling = Field(
        "uniform",
        description="nodes of a list: any; near, of about the same label; hard, ranked worst so far; mixed, half of "
        "the lists hard; curriculum, more and more of them",
    )
    listwise: ListwiseLossName = Field(
        "listnet", description="listnet: cross-entropy of softmaxes (RGTN); lambda: pairs by their weight in NDCG"
    )
    label_noise: float = Field(
        0.0, ge=0, description="standard deviation of what is added to labels anew in every step, in their own unit"
    )
    importance: ImportanceLossName = Field("mse", description="loss of importance itself: mse, mae, huber")
    importance_weight: float = Field(1.0, ge=0, description="weight of importance itself; 0 to learn tiers alone")
    value: ValueName = Field(
        "point", description="what is learned of a label: point, the score alone; gaussian, its variance, too"
    )
    beta: float = Field(0.5, ge=0, le=1, description="power of the variance that weighs the nodes of gaussian")
    tier_weight: float = Field(
        0.0, ge=0, description="weight of the tiers of importance, which get a head of their own"
    )
    tier_loss: TierLossName = Field("cross_entropy", description="loss of the head for tiers")
    tier_settings: OwnSettings = Field(
        {}, description="settings of tier_loss: gamma, alpha, label_smoothing, smooth_others, as far as it has them"
    )
    teacher_weight: float = Field(
        1.0,
        ge=0,
        description="weight of the squared error to the teachers' mean prediction, at every node; not on batches",
    )
    teacher_rank_weight: float = Field(
        0.0, ge=0, description="weight of a listwise term that compares the order of nodes with the teachers'"
    )
    teacher_certainty: bool = Field(
        False,
        description="weigh the squared error to teachers by the inverse of the variance they predict at a node",
    )
    teacher_cka: TeacherCKAConfig = TeacherCKAConfig()
    contrast_weight: float = Field(
        0.0, ge=0, description="weight of LICAP's contrast of the vectors that scores are read from"
    )
    contrast: ContrastConfig = ContrastConfig()
    groups: GroupsConfig = GroupsConfig()

    @model_validator(mode="after")
    def _something_to_learn(self) -> ImportanceLossConfig:
        if self.importance_weight == 0 and self.tier_weight == 0:
            raise ValueError("importance_weight and tier_weight are both 0, which leaves nothing to learn")
        if self.list_size == "all" and self.list_sampling != "uniform":
            raise ValueError("list_size all puts every node in one list, so that none are sampled; drop list_sampling")
        if self.list_size == "all" and LISTWISE_LOSSES[self.listwise].by_pairs:
            raise ValueError(f"listwise {self.listwise} makes all pairs of a list; give list_size a number")
        if self.teacher_certainty and self.teacher_weight == 0:
            raise ValueError("teacher_certainty weighs the error to the teachers, whose teacher_weight is 0; raise it")
        if self.contrast_weight == 0 and self.contrast != ContrastConfig():
            raise ValueError("contrast says how hidden vectors are contrasted; give contrast_weight too")
        check_own("loss of tiers", self.tier_loss, TIER_LOSSES[self.tier_loss].settings, self.tier_settings)
        for name in ("tier_loss", "tier_settings"):
            if self.tier_weight == 0 and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is about the loss of tiers, whose weight is 0; give tier_weight, too")
        if self.value == "gaussian" and (self.importance != "mse" or self.importance_weight == 0):
            raise ValueError("value gaussian has an error of its own; leave importance and importance_weight out")
        if self.groups.weight != "none" and self.value == "gaussian":
            raise ValueError("value gaussian weighs every node by its variance; leave groups.weight out")
        for name in ("listwise", "list_sampling"):
            if self.listwise_weight == 0 and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is about the listwise term, whose weight is 0; give listwise_weight, too")
        if self.groups.local_list and self.listwise_weight == 0:
            raise ValueError("groups.local_list has the weight of the listwise term; give listwise_weight, too")
        if self.value == "point" and self.beta != type(self).model_fields["beta"].default:
            raise ValueError("beta is for value gaussian; leave it out, or give --loss.value gaussian")
        return self

    def uses(self) -> Iterator[tuple[str, str]]:
        """Kind and name of the losses that have a weight."""
        if self.importance_weight:
            yield "loss of importance", self.importance
        if self.listwise_weight:
            yield "listwise loss", self.listwise
        if self.tier_weight:
            yield "loss of tiers", self.tier_loss

    @property
    def of_channels(self) -> ChannelLossConfig | None:
        """These settings, with those of a network's channels; None for a network that reads all channels as one."""
        return None


class ChannelLossConfig(ImportanceLossConfig):
    """The same, and what the channels of a network are trained on besides."""

    channel_weight: float = Field(0.5, ge=0, le=1, description="l: share of the channels' own errors")
    alignment_weight: float = Field(
        0.0, ge=0, description="weight of the alignment of channels; needs model.projection_size"
    )
    alignment: AlignmentName = Field(
        "combined",
        description="how channels are aligned; neighbourhood: nodes that share neighbours are partly the same",
    )
    alignment_settings: OwnSettings = Field(
        {}, description="settings of alignment, such as temperature, or ratios of its three terms"
    )
    variational_weight: float = Field(0.0, ge=0, description="weight of the variational loss")
    variational_settings: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="weights within the variational loss: prior_weight, reconstruction_weight, cross_weight"
    )

    @model_validator(mode="after")
    def _own_settings_are_known(self) -> ChannelLossConfig:
        check_own("alignment", self.alignment, ALIGNMENTS[self.alignment].settings, self.alignment_settings)
        check_own("loss", "variational", VARIATIONAL, self.variational_settings)
        for name in ("alignment", "variational"):
            if getattr(self, f"{name}_settings") and getattr(self, f"{name}_weight") == 0:
                raise ValueError(f"{name}_settings are for the loss of that name; give {name}_weight too")
        if self.alignment != type(self).model_fields["alignment"].default and self.alignment_weight == 0:
            raise ValueError("alignment says how channels are aligned, with the weight 0; give alignment_weight, too")
        return self

    def uses(self) -> Iterator[tuple[str, str]]:
        """Those of importance and tiers, and the alignment."""
        yield from super().uses()
        if self.alignment_weight:
            yield "loss of alignment", self.alignment

    @property
    def of_channels(self) -> ChannelLossConfig:
        """These settings."""
        return self
