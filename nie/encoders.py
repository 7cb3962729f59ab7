"""What reads the features of a channel: the encoders by name, each with where its code is.

The table stands apart from the models that it names, because settings are read where nothing may load torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nie.later import later


@dataclass(frozen=True)
class Encoder:
    """What reads the features of a channel, and gives every node a vector.

    Attributes:
        build: ``(in_size, size, **settings) -> nn.Module``, which has ``reset_parameters()``. The settings are those
            that all encoders of a model share, such as ``feat_drop``; see `nie.models.MultiChannelEncoder`. An encoder
            leaves out what it has no use for.
        reads_graph: the module is called as ``(graphs, feat, etypes)`` on ``num_hops`` graphs or blocks, and every node
            has the channel. Else it is called as ``(feat)``, and a node without features of its own lacks the channel.
        shares_relations: with a graph it is given ``rel``, too, the relation vectors (R, rel_size) of the model.
        reads_sequences: it reads channels of sequences, and is built with ``steps``, the length of the longest; see
            `nie.Channel`.
        knows_variance: it gives a `nie.layers.Encoding` with log-variances, and its channel can be reconstructed.
            Else it gives a tensor (N, size).
    """

    build: Callable[..., Any]
    reads_graph: bool = False
    shares_relations: bool = False
    reads_sequences: bool = False
    knows_variance: bool = False


ENCODERS: dict[str, Encoder] = {
    "transformer": Encoder(later("nie.models.transformer:channel_encoder"), reads_graph=True, shares_relations=True),
    "pregat": Encoder(later("nie.models.pregat:channel_encoder"), reads_graph=True),
    "variational": Encoder(later("nie.layers.variational:channel_encoder"), knows_variance=True),
    "variational_lstm": Encoder(
        later("nie.layers.variational:sequence_encoder"), reads_sequences=True, knows_variance=True
    ),
}
"""What reads a channel, by name. A new encoder is a module with a function that builds it, and an entry here."""
