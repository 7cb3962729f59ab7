"""Studies of channels: what further ones are worth, and how they are best fused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from downstream.arms import Arm, Study
from downstream.settings import Settings
from nie.layers import FUSIONS

SETS = {"S": ("S",), "T": ("T",), "N": ("N",), "S+T": ("S", "T"), "S+T+N": ("S", "T", "N")}
"""Structural, text (semantic) and numeric."""

NUMERIC = "facts"
CONTROLLED = "attention"
"""The fusion that the controls are run with."""

MATCHED_SIZE = 384
"""Hidden size that gives an MLP on S+T+N of FB15K about as many parameters as the fusions have (343,000)."""


def channel_features(channels: Sequence[str], control: str = "") -> dict[str, Any]:
    """The features of some channels; ``control`` takes the place of the numbers' meaning.

    >>> channel_features(["T", "N"], "~shuffled")["more"]
    {'numeric': 'facts~shuffled'}
    """
    features: dict[str, Any] = {} if "S" in channels else {"structural": "none"}
    if "T" not in channels:
        features["semantic"] = "none"
    return features | ({"more": {"numeric": NUMERIC + control}} if "N" in channels else {})


def _ladder(settings: Settings) -> list[Arm]:
    def fused(channels: Sequence[str], fusion: str, control: str = "") -> Any:
        encoders = {"encoders": {"numeric": "variational"}} if "N" in channels else {}
        model = {"fusion": fusion, "head": "vector", **encoders}
        return settings.method("rgtn", features=channel_features(channels, control), model=model)

    arms = [Arm(name, fused(channels, CONTROLLED)) for name, channels in SETS.items() if len(channels) == 1]
    for name, channels in SETS.items():
        if len(channels) > 1:
            arms += [Arm(f"{name} {fusion}", fused(channels, fusion)) for fusion in FUSIONS]
    controls = ("~shuffled", "~noise", "~flags")
    arms += [Arm(f"S+T+N{control} {CONTROLLED}", fused(SETS["S+T+N"], CONTROLLED, control)) for control in controls]
    degrees = {"structural": "degrees", "semantic": "none", "degrees": False}
    whole, matched = channel_features(SETS["S+T+N"]), {"hidden_size": MATCHED_SIZE}
    return [
        *arms,
        Arm("S+T, RGTN's own head", settings.method("rgtn")),
        Arm("degrees only, mlp", settings.method("mlp", features=degrees, model=matched)),
        Arm("S+T+N, mlp", settings.method("mlp", features=whole, model=matched)),
    ]


def _ladder_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """What the numbers add in each fusion and beyond what a control adds, and each fusion against the plainest."""
    pairs = [(name, name.replace("S+T+N", "S+T")) for name in names if name.startswith("S+T+N ")]
    real = f"S+T+N {CONTROLLED}"
    pairs += [(real, name) for name in names if name.startswith("S+T+N~")]
    pairs += [(name, "S+T+N concat") for name in names if name.startswith("S+T+N ") and name != "S+T+N concat"]
    return [pair for pair in pairs if set(pair) <= set(names)]


CHANNEL_STUDIES = {
    "channels-ladder": Study(
        "What is each channel worth, and which fusion makes the most of them?", _ladder, _ladder_pairs
    ),
}
