"""What a method of importance estimation works on in one fold: made once, checked, and then fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from downstream.methods.fitted import REACH, Fitted, within_reach
from downstream.methods.fold_features import fold_channels, label_features
from downstream.methods.importance_settings import ImportanceConfig, NetworkConfig
from downstream.methods.method import Method
from downstream.metrics.fold_judge import FoldJudge
from nie.arrays import Floats
from nie.data import Channel
from nie.inputs.channels import ChannelFeatures
from nie.progress import log
from nie.vocabulary import LearnedLabels
from pretrain.cross_validation import Fold
from pretrain.inputs import NodeInputs
from pretrain.label_scale import LabelScale, label_scale, learned_labels


@dataclass(frozen=True, eq=False)
class FoldWork:
    """A fold of a method, ready to be fitted.

    Attributes:
        method: what is fitted.
        config: its settings.
        inputs: what all folds share.
        fold: the nodes.
        channels: the fold's features by channel: raw, or pretrained where the settings say so.
        judge: figures of predictions.
        of_labels: the features among ``channels`` that are made of the fold's training labels, by name.
        teacher_layers: (N, d) each, what a network is to be aligned with (`downstream.methods.teacher_layers`).
    """

    method: Method
    config: ImportanceConfig
    inputs: NodeInputs
    fold: Fold
    channels: Mapping[str, ChannelFeatures]
    judge: FoldJudge
    of_labels: Mapping[str, Channel] = field(default_factory=dict)
    teacher_layers: tuple[Floats, ...] = ()

    @classmethod
    def of(cls, method: Method, config: ImportanceConfig, inputs: NodeInputs, fold: Fold) -> FoldWork:
        """Collect what the method reads.

        Raises:
            NieError: pretrained embeddings are missing, or are not of this fold.
        """
        judge = inputs.once(
            ("judge", fold.index, config.tier_shares),
            lambda: FoldJudge(inputs.kg.targets, fold, config.tier_shares),
        )
        of_labels = label_features(config, inputs, fold)
        channels = fold_channels(config, inputs, fold, of_labels)
        return cls(method, config, inputs, fold, channels, judge, of_labels)

    def fit(self, checked: Any, folder: Path) -> Fitted:
        """Fit the method, which writes what is worth keeping to ``folder``; its predictions are `within_reach`.

        Args:
            checked: what ``method.check`` returned for this fold.
            folder: of the fold.
        """
        fitted: Fitted = self.method.fit(self, checked, folder)
        bounded = within_reach(fitted, self.inputs.kg.targets[self.fold.train])
        if bounded is not fitted:
            count = int((bounded.prediction != fitted.prediction).sum())
            log.warning(
                "%s fold %d: %d of %d predictions lay beyond %g times the largest training label and were clipped to "
                "it; the method does not suit these labels, or the features of these nodes, which may be of a kind "
                "that has no label.",
                self.config.run_label(), self.fold.index, count, len(bounded.prediction), REACH,
            )  # fmt: skip
        return bounded

    def name_of(self, feature: Channel) -> str | None:
        """What settings call a feature of ``channels``; None for a pretrained one."""
        own = (name for name, known in self.of_labels.items() if known is feature)
        return next(own, None) or self.inputs.name_of(feature)

    @property
    def scale(self) -> LabelScale:
        """From the labels that are judged to those that are learned, and back."""
        return label_scale(self._learned_labels, self.inputs, self.fold)

    @property
    def learned(self) -> Floats:
        """(N,) the labels on the scale that is learned; nan for a node without."""
        return learned_labels(self._learned_labels, self.inputs, self.fold)

    @property
    def _learned_labels(self) -> LearnedLabels:
        return getattr(self.config, "learned_labels", "given")  # a method that reads no features learns no function

    @property
    def network(self) -> NetworkConfig:
        """``config`` as the settings of a network; only to be asked where ``method`` is one."""
        return cast(NetworkConfig, self.config)
