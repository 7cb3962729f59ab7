"""What a method of importance estimation works on in one fold: made once, checked, and then fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from downstream.methods.fitted import REACH, Fitted, within_reach
from downstream.methods.importance_settings import ImportanceConfig, NetworkConfig
from downstream.methods.method import Method
from downstream.metrics.fold_judge import FoldJudge
from nie.errors import NieError
from nie.inputs.channels import ChannelFeatures
from nie.progress import log
from pretrain.cross_validation import Fold
from pretrain.embeddings import read_embeddings
from pretrain.inputs import NodeInputs


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
    """

    method: Method
    config: ImportanceConfig
    inputs: NodeInputs
    fold: Fold
    channels: Mapping[str, ChannelFeatures]
    judge: FoldJudge

    @classmethod
    def of(cls, method: Method, config: ImportanceConfig, inputs: NodeInputs, fold: Fold) -> FoldWork:
        """Collect what the method reads.

        Raises:
            NieError: pretrained embeddings are missing, or are not of this fold.
        """
        judge = inputs.once(("judge", fold.index), lambda: FoldJudge(inputs.kg.targets, fold))
        return cls(method, config, inputs, fold, _channels(config, inputs, fold), judge)

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

    @property
    def network(self) -> NetworkConfig:
        """``config`` as the settings of a network; only to be asked where ``method`` is one."""
        return cast(NetworkConfig, self.config)


def _channels(config: ImportanceConfig, inputs: NodeInputs, fold: Fold) -> dict[str, ChannelFeatures]:
    """The features of the fold by channel, with those embeddings that are asked for.

    A structural channel that is replaced keeps its degrees.
    """
    channels = dict(inputs.channels)
    asked = config.embeddings
    if asked is not None:
        embeddings = read_embeddings(asked.pretrained, inputs.kg, fold)
        for name in asked.replaced or embeddings:
            if name not in embeddings:
                raise NieError(
                    f"The pretrained run {asked.pretrained} has no embedding of the channel {name}; "
                    f"use --replaced {','.join(embeddings)}."
                )
            if asked.pretrained_as == "channel":
                channels[f"pretrained_{name}"] = (embeddings[name],)
            elif asked.pretrained_as == "addition":
                channels[name] = (embeddings[name], *channels[name])
            else:
                degrees = channels[name][-1:] if name == "structural" and config.features.degrees else ()
                channels[name] = (embeddings[name], *degrees)
    return channels
