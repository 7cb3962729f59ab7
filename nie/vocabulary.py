"""The names that settings and layers share, each list once."""

from __future__ import annotations

from typing import Literal, get_args

RelationMode = Literal["mul", "add", "gate", "dot"]
"""How a relation enters the attention of the graph transformer."""

ActivationName = Literal["linear", "leaky_relu"]
"""The activation of a score."""

REL_MODES: tuple[str, ...] = get_args(RelationMode)
