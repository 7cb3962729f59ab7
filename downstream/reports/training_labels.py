"""Which training labels the runs of a table were given, and what else makes their folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LABELS_GIVEN = ("train_share", "removed", "removed_share")
"""Settings of folds that decide which of the training nodes keep their labels."""


def labels_given(folds: Mapping[str, Any]) -> tuple[float, str, float]:
    """Which training labels settings of folds give: the share, which are removed of these, and the share of those.

    >>> labels_given({"train_share": 0.5}), labels_given({"removed": "tail", "removed_share": 0.1})
    ((0.5, 'none', 0.0), (1.0, 'tail', 0.1))
    """
    removed = str(folds.get("removed", "none"))
    return float(folds.get("train_share", 1.0)), removed, float(folds["removed_share"]) if removed != "none" else 0.0


def cut_by(folds: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of folds that decide which nodes are test nodes.

    >>> cut_by({"seed": 1, "num_folds": 5, "run": (0,), "train_share": 0.5})
    {'seed': 1, 'num_folds': 5}
    """
    return {name: value for name, value in folds.items() if name not in ("run", *LABELS_GIVEN)}
