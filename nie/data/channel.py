"""Features of nodes that are ready: plain read-only arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nie.arrays import Bools, Floats32
from nie.data.graph_fields import real_numbers, truths
from nie.errors import NieError


@dataclass(frozen=True, eq=False)
class Channel:
    """One input channel: a row of features for each node, and which nodes really have one.

    Args:
        features: (N, d) float32; the rows of nodes without the feature are zero by convention.
        mask: (N,) bool; False where a node has no feature.

    >>> Channel(np.ones((3, 2)), np.array([True, True, False])).features.shape
    (3, 2)
    """

    features: Floats32
    mask: Bools

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", real_numbers("A channel", "features", self.features, np.float32))
        object.__setattr__(self, "mask", truths("A channel", "mask", self.mask))
        if self.features.ndim != 2 or self.mask.shape != self.features.shape[:1]:
            raise NieError(
                f"A channel must have features (N, d) and a mask (N,); got {self.features.shape} and {self.mask.shape}."
            )
        if not np.isfinite(self.features).all():
            row = int(np.argmin(np.isfinite(self.features).all(axis=1)))
            raise NieError(f"A channel's features must be finite; row {row} is not.")
