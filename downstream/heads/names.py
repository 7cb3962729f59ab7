"""The heads that settings choose from; torch is not needed to read their names."""

from __future__ import annotations

from typing import Literal, get_args

HeadName = Literal["channels", "vector"]
HEADS: tuple[str, ...] = get_args(HeadName)
