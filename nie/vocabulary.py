"""The names that settings and layers share, each list once.

They stand apart from the layers that they name, because settings are read where nothing may load torch.
"""

from __future__ import annotations

from typing import Literal, get_args

RelationMode = Literal["mul", "add", "gate", "dot"]
"""How a relation enters the attention of the graph transformer."""

FusionName = Literal[
    "concat", "sum", "softmax", "attention", "co_attention", "uncertainty", "inverse_variance", "gated_uncertainty",
    "proxy_attention", "cross_modal_transformer",
]  # fmt: skip
"""How the channels of a node become one vector."""

EncoderName = Literal["transformer", "pregat", "variational"]
"""What reads a channel."""

ActivationName = Literal["linear", "leaky_relu"]
"""Of a score."""

REL_MODES: tuple[str, ...] = get_args(RelationMode)
FUSION_NAMES: tuple[str, ...] = get_args(FusionName)
ENCODERS: tuple[str, ...] = get_args(EncoderName)

NEEDS_LOGVAR = ("uncertainty", "inverse_variance", "gated_uncertainty")
"""The fusions that weigh channels by their uncertainty."""
