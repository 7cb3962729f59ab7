"""Which training labels the runs of a table were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def labels_given(folds: Mapping[str, Any]) -> tuple[float, str, float]:
    """Which training labels settings of folds give: the share, which are removed of these, and the share of those.

    >>> labels_given({"train_share": 0.5}), labels_given({"removed": "tail", "removed_share": 0.1})
    ((0.5, 'none', 0.0), (1.0, 'tail', 0.1))
    """
    removed = str(folds.get("removed", "none"))
    return float(folds.get("train_share", 1.0)), removed, float(folds["removed_share"]) if removed != "none" else 0.0
