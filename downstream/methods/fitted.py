"""The record that every method returns for a fold, be it a network, a baseline or a blend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nie.arrays import Floats

TIERS_FILE = "tiers.npy"
"""Where a fold keeps the probability of every tier."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The importance of all nodes, and what else of the fit is worth keeping.

    Attributes:
        score: (N,) for the ranking metrics.
        prediction: (N,) on the label scale, for RMSE and MedianAE; often the score itself.
        probability: (N, C) of every tier, where a method learns them.
        agreement: of a network's channels on the test nodes, by name of the metric.
        facts: kept in ``metrics.json``: the same for the same seed on the same machine.
        timing: kept in ``timing.json``.
    """

    score: Floats
    prediction: Floats
    probability: Floats | None = None
    agreement: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)
