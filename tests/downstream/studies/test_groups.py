"""downstream.studies.groups."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from downstream.studies.groups import GROUPS
from downstream.studies.settings import Settings


class Stand:
    """A run on two folds that misses every label by one number."""

    def __init__(self, missed: float) -> None:
        self.missed = missed

    def finished_folds(self) -> list[int]:
        return [0, 1]

    def predictions(self, _fold: int, count: int) -> np.ndarray:
        return np.full(count, self.missed)


def test_a_fold_without_a_node_in_small_groups_does_not_count_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("downstream.studies.groups.node_groups", lambda *_, **__: np.array([0, 0, 0, 0, 0, 0, 1]))
    folds = [SimpleNamespace(test=np.array(test)) for test in ([5, 6], [3, 4])]
    kg = SimpleNamespace(num_nodes=7, targets=np.zeros(7))
    runner: Any = SimpleNamespace(inputs=lambda _: SimpleNamespace(kg=kg, folds=folds))
    arms = [arm for arm in GROUPS.arms(Settings("synthetic")) if arm.name in ("none", "louvain, gate")]
    runs: Any = {"none": Stand(0.5), "louvain, gate": Stand(0.25)}
    assert GROUPS.also is not None
    (table,), _ = GROUPS.also(arms, runs, runner)
    assert table.rows == [["louvain, gate", "0.2500", "0.5000", "0.2500", "0.5000"]]
