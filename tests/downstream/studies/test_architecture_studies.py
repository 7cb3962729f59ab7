"""downstream.studies.architecture and smoothing: depth, and attention to all nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import SMALL, store_synthetic

from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.studies.catalogue import STUDIES
from downstream.studies.settings import Settings
from downstream.studies.smoothing import alike, smoothing_report
from downstream.studies.study import Arm
from nie.errors import NieError


def test_every_depth_stands_against_the_published_one_and_every_help_against_none() -> None:
    depth = STUDIES["depth"]
    arms = depth.arms(Settings("fb15k"))
    pairs = depth.pairs(arms)
    assert ("rgtn, 8 layers", "rgtn, 3 layers") in pairs
    assert ("rgtn, 8 layers, jumping max", "rgtn, 8 layers") in pairs
    assert ("pregat, 4 layers", "pregat, 2 layers") in pairs
    assert len({(arm.config.digest(), arm.licap and arm.licap.digest()) for arm in arms}) == len(arms)
    assert {ours for ours, _ in pairs} == {arm.name for arm in arms} - {"rgtn, 3 layers", "pregat, 2 layers"}


def test_attention_to_all_nodes_needs_all_of_them() -> None:
    arms = STUDIES["global"].arms(Settings("fb15k"))
    assert [arm.name for arm in arms] == ["local", "both", "global", "local, twice as many heads"]
    with pytest.raises(NieError, match=r"model.attention both reads all nodes in every step; leave batch.size out"):
        Settings("fb15k").method("rgtn", model={"attention": "both"}, batch={"size": 64})


def test_ends_of_edges_are_told_from_random_pairs() -> None:
    groups = np.eye(5)[np.arange(50) % 5]  # nodes of a group are equal, others at right angles
    src = np.arange(45)
    (layer,) = alike([groups], (src, src + 5))
    assert layer.along_edges == pytest.approx(1)
    assert layer.anywhere == pytest.approx(0.2, abs=0.02)
    assert np.isnan(next(alike([groups], (src[:0], src[:0]))).along_edges)


def test_the_report_follows_the_layers_of_trained_transformers(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    runner = Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs")

    def arm(name: str, **model: Any) -> Arm:
        changes = {**SMALL, "folds": {"run": [0]}, "model": {**SMALL.get("model", {}), **model}}
        return Arm(name, IMPORTANCE.recipes.resolve(overrides=changes))

    arms = [arm("rgtn, 1 layer", num_layers=1), arm("rgtn, 2 layers", num_layers=2, attention="both", jumping="max")]
    runs = dict(zip([one.name for one in arms], runner.run([one.config for one in arms]), strict=True))
    (table,), figures = smoothing_report(arms, runs, runner)
    assert [row[0] for row in table.rows] == list(runs)
    assert float(table.rows[0][3]) == pytest.approx(1)  # of one layer the first is the last
    assert set(figures) == {"cosine along edges by layer", "CKA of layers, rgtn, 2 layers"}
    assert smoothing_report(arms, {}, runner) == ([], {})


@pytest.mark.parametrize("name", ["lists", "rgtn-parts", "geni"])
def test_studies_of_the_ranking_loss_and_the_parts_name_rows_that_differ(name: str) -> None:
    study = STUDIES[name]
    arms = study.arms(Settings("fb15k"))
    rows = {arm.name: arm.config.digest() for arm in arms}
    assert len(set(rows.values())) == len(arms)
    assert all(ours in rows and theirs in rows for ours, theirs in study.pairs(arms))


def test_a_fixed_scale_of_centrality_needs_one_and_learns_none() -> None:
    for other in ({"centrality_scale": False}, {"scale_heads": True}):
        with pytest.raises(NieError, match=r"model.fixed_scale needs model.centrality_scale"):
            Settings("fb15k").method("geni", model={"fixed_scale": True, **other})
