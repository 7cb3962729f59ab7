"""The names of the heads that settings choose from; reading them loads no torch."""

from __future__ import annotations

from typing import Literal, get_args

HeadName = Literal["channels", "vector"]
HEADS: tuple[str, ...] = get_args(HeadName)
