"""Fine-tuning: a network behind the encoders of a run of stage 1, which are trained along with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from nie.arrays import Array
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.inputs.channels import ChannelFeatures
from nie.inputs.column_scale import deviations
from nie.models import ImportanceScores, PreGAT
from nie.models.blocks import EdgeTypes, Graphs
from nie.settings.sections import FeaturesConfig, GraphConfig
from pretrain.encoders import PretrainedEncoders


class PretrainedChannel(nn.Module):
    """An encoder whose embeddings are scaled as those at the end of stage 1 are when a network reads them as features.

    The scale is fixed, so that an embedding changes only by what its encoder learns.

    Args:
        encoder: with its pretrained weights.
        in_size: columns that it reads.
        embeddings: (N, size) at the end of stage 1.
        config: says whether and how columns are scaled.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, encoder: PreGAT, in_size: int, embeddings: Array, config: FeaturesConfig) -> None:
        super().__init__()
        self.encoder, self.in_size = encoder, in_size
        self.limit = config.limit if config.standardize else None
        size = embeddings.shape[1]
        mean, deviation = torch.zeros(size), torch.ones(size)
        if config.standardize:
            mean, deviation = (torch.from_numpy(each) for each in (embeddings.mean(axis=0), deviations(embeddings)))
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, graph: Graphs, feat: Tensor, etype: EdgeTypes) -> Tensor:
        """The embeddings (N, size) of all nodes, or of the last block's destinations."""
        scaled: Tensor = (self.encoder(graph, feat, etype) - self.mean) / self.deviation
        if self.limit is None:
            return scaled
        beyond = (scaled.abs() - self.limit).clamp(min=0)  # as nie.inputs.channels.softly_limited
        return scaled.clamp(-self.limit, self.limit) + scaled.sign() * beyond.log1p()


class FineTuned(nn.Module):
    """A network that reads what pretrained encoders make of some of its channels; all are trained together.

    Args:
        network: a model as `nie.models` describes it.
        encoders: by channel. An encoder reads the first columns of its channel, and gives the network embeddings in
            their place; the other columns reach the network as they are.
        encoder_lr: learning rate of the encoders, in shares of that of the network.
    """

    def __init__(self, network: nn.Module, encoders: Mapping[str, PretrainedChannel], encoder_lr: float) -> None:
        super().__init__()
        self.network, self.encoders = network, nn.ModuleDict(encoders)
        self.lr_scales = {"encoders": encoder_lr}  # which nie.training.loop reads
        if hasattr(network, "num_hops"):
            self.num_hops = self._encoder_hops + cast(int, network.num_hops)

    @property
    def _encoder_hops(self) -> int:
        """Layers of the encoders, which one run of stage 1 made alike."""
        return max(cast(PretrainedChannel, each).encoder.num_hops for each in self.encoders.values())

    @property
    def relations(self) -> Any:
        """The network's relation vectors, whose weights the curves show."""
        return getattr(self.network, "relations", None)

    def forward(
        self, graph: Graphs, feats: Mapping[str, Tensor], etype: EdgeTypes, *,
        encoded_on: tuple[dgl.DGLGraph, Tensor] | None = None, masks: Mapping[str, Tensor] | None = None,
        **further: Any,
    ) -> ImportanceScores:  # fmt: skip
        """Return the scores of all nodes, or of the last block's destinations.

        Args:
            graph, feats, etype: as the network takes them, with ``num_hops`` blocks.
            encoded_on: graph and relations of its edges that the encoders read instead of a whole ``graph``.
            masks: by channel, for a network that takes them.
            further: what else the network takes.
        """
        own: tuple[Any, Any] = encoded_on or (graph, etype)
        if not isinstance(graph, dgl.DGLGraph):
            assert isinstance(etype, (list, tuple))
            first, rest = slice(self._encoder_hops), slice(self._encoder_hops, None)
            own, graph, etype = (graph[first], etype[first]), graph[rest], etype[rest]
        read = dict(feats)
        for name, encoder in self.encoders.items():
            assert isinstance(encoder, PretrainedChannel)
            raw, others = feats[name].tensor_split([encoder.in_size], dim=1)
            # Contiguous, as in stage 1: the product of a view differs in its last bit.
            embedding = encoder(own[0], raw.contiguous(), own[1])
            read[name] = torch.cat([embedding, others[: len(embedding)]], dim=1)
        # The destinations of the encoders' blocks, which the network's first block reads, are the first of their nodes.
        read = {name: feat[: len(embedding)] for name, feat in read.items()}
        if masks is not None:
            further["masks"] = {name: mask[: len(embedding)] for name, mask in masks.items()}
        scores: ImportanceScores = self.network(graph, read, etype, **further)
        return scores


@dataclass(frozen=True, eq=False)
class FineTuning:
    """What is fine-tuned on one fold.

    Attributes:
        config: the settings of the network.
        pretrained: the encoders of the fold.
        channels: those that they stand in front of.
    """

    config: NetworkConfig
    pretrained: PretrainedEncoders
    channels: tuple[str, ...]

    @classmethod
    def of(cls, work: FoldWork) -> FineTuning | None:
        """What the settings of a network ask to fine-tune; None where that is nothing.

        Raises:
            NieError: they name no run of stage 1 whose encoders could be trained on.
        """
        config = work.network
        if not config.fine_tune:
            return None
        if config.pretrained is None:
            raise NieError(
                "fine_tune trains the encoders of a run of stage 1 further; give its folder as --pretrained."
            )
        if config.unseen_nodes:
            raise NieError("unseen_nodes replaces embeddings, which fine_tune computes anew; leave one of them out.")
        if config.pretrained_as == "channel":
            raise NieError(
                "fine_tune puts encoders in front of the channels that they were trained on; use pretrained_as "
                "replacement or addition."
            )
        pretrained = PretrainedEncoders.of(config.pretrained, work.inputs, work.fold)
        if pretrained.config.cross_fit is not None:  # each part has an encoder of its own, and its axes turned
            raise NieError(
                f"fine_tune trains one encoder further, and {config.pretrained} embeds training nodes by those of "
                "cross_fit; pretrain without cross_fit, or leave fine_tune out."
            )
        ours, theirs = config.graph, pretrained.config.graph
        if (asked := config.asks_for_batches) and ours != theirs:
            raise NieError(
                f"fine_tune with {asked} needs the graph of stage 1, which has {_said(theirs)}, but this run has "
                f"{_said(ours)}; give both stages the same, or leave {asked} out."
            )
        return cls(config, pretrained, config.replaced or tuple(pretrained.embeddings))

    def feats(self, fixed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features by channel with what the encoders read in the place of their embeddings.

        Args:
            fixed: (N, d) with the embeddings, which are the first columns of their channels.
        """
        return {
            name: self.encoded_first(name, self.pretrained.feat(name), feat) if name in self.channels else feat
            for name, feat in fixed.items()
        }

    def encoded_first(self, name: str, encoded: Tensor, fixed: Tensor) -> Tensor:
        """A channel (N, d) with what its encoder reads in the place of the embedding, its first columns."""
        return torch.cat([encoded, fixed[:, self._size(name) :]], dim=1)

    def encoded(self, name: str) -> ChannelFeatures:
        """The features of stage 1 that the encoder of a channel reads."""
        return self.pretrained.inputs.channels[name]

    def sizes_behind(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Sizes by channel of what the network reads, from those of ``feats``."""
        return {
            name: size - self.pretrained.feat(name).shape[1] + self._size(name) if name in self.channels else size
            for name, size in sizes.items()
        }

    def in_front_of(self, network: nn.Module) -> FineTuned:
        """The network behind new encoders with their pretrained weights."""
        encoders = {
            name: PretrainedChannel(
                self.pretrained.encoder(name),
                self.pretrained.feat(name).shape[1],
                self.pretrained.embeddings[name].features,
                self.config.features,
            )
            for name in self.channels
        }
        return FineTuned(network, encoders, self.config.fine_tune_lr)

    def _size(self, name: str) -> int:
        return int(self.pretrained.embeddings[name].features.shape[1])


def _said(graph: GraphConfig) -> str:
    return ", ".join(f"graph.{name} {value}" for name, value in graph)
