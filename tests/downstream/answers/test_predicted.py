"""downstream.answers.predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.answers.node_scores import score_nodes
from downstream.answers.predicted import predicted
from downstream.stages.estimation import estimate
from nie.errors import NieError


def test_the_spread_is_that_of_the_members_of_the_fold_that_tested_a_node(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    run = estimate(small("mlp", members=3), data_root=tmp_path, run_root=tmp_path / "runs")
    found = predicted(run, [0, 1], kg)
    spreads = []
    for fold in (0, 1):
        members = [run.array(fold, f"member{member}/outputs.npy", (2, kg.num_nodes))[1] for member in range(3)]
        spreads.append(np.std(members, axis=0))  # within the labels, where nothing is drawn in
        test = run.split(fold)["test"]
        assert (found.fold[test] == fold).all()
        assert found.spread is not None
        assert np.allclose(found.spread[test], spreads[fold][test])
    rest = found.fold < 0
    assert np.allclose(found.spread[rest], np.mean(spreads, axis=0)[rest])
    lower, upper = score_nodes(run, data_root=tmp_path).interval
    assert (lower < upper).all()
    (run.fold_path(1) / "member2" / "outputs.npy").write_bytes(b"damaged")
    with pytest.raises(NieError, match=r"member2/outputs.npy is missing or damaged; remove the folder .*fold1"):
        predicted(run, [0, 1], kg)


def test_a_run_of_one_member_tells_no_spread(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    run = estimate(small("ridge"), data_root=tmp_path, run_root=tmp_path / "runs")
    found = predicted(run, [0, 1], kg)
    assert found.spread is None
    assert np.bincount(found.fold + 1).tolist() == [kg.num_nodes - 107, 54, 53]
