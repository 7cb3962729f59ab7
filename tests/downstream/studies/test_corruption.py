"""downstream.studies.corruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stage_helpers import SMALL, store_synthetic

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.studies.corruption import KINDS, SHARES, corrupted, corruption_report
from downstream.studies.study import Arm


def arm(fusion: str, **features: Any) -> Arm:
    text = {} if features.get("semantic") == "none" else {"semantic": "variational"}
    model = {"fusion": fusion, "head": "vector", "encoders": text}
    changes = {"model": model, "features": {**SMALL["features"], **features}, "folds": {"run": [0]}}
    return Arm(fusion, IMPORTANCE.recipes.resolve(overrides={**SMALL, **changes}))


def test_what_is_missing_has_no_weight_and_what_is_whole_is_as_it_was(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    runner = Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs")
    one = arm("attention")
    assert isinstance(one.config, NetworkConfig)
    (run,) = runner.run([one.config])
    inputs = runner.inputs(one.config)
    given = FoldNetwork.of(FoldWork.of(METHODS["rgtn"], one.config, inputs, inputs.folds[0]))
    found = list(corrupted(given, given.trained(run, 0), inputs.folds[0], inputs.kg.targets))
    assert [(each.kind, each.share) for each in found] == [(kind, share) for kind in KINDS for share in SHARES]
    whole = run.metrics(0)["test"]
    for each in found:
        if each.share == 0:
            assert each.figures["spearman"] == pytest.approx(whole["spearman"], abs=1e-6)
        noisy = each.kind == "noise" and each.share > 0
        assert (each.weight is not None) == (each.weight_before is not None) == noisy
        if noisy:
            assert 0 < each.weight < 1
            assert each.weight != each.weight_before
    missing = [each.figures["rmse"] for each in found if each.kind == "missing"]
    assert len(set(missing)) == len(SHARES)


def test_the_report_has_a_row_for_each_run_with_text(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    runner = Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs")
    arms = [arm("attention"), arm("concat"), arm("sum", semantic="none")]
    runs = {one.name: run for one, run in zip(arms, runner.run([one.config for one in arms]), strict=True)}
    tables, figures = corruption_report(arms, runs, runner)
    assert len(tables) == 5
    assert set(figures) == {"text missing", "text noise"}
    for table in tables:
        assert [row[0] for row in table.rows] == ["attention", "concat", "sum"]
    for table in tables[:4]:
        assert len(set(table.rows[2][1:])) == 1  # a run without text does not change
    attention, concat, _ = tables[4].rows
    assert "—" not in attention
    assert concat[1:] == ["—", "—"]
    assert corruption_report(arms, {}, runner) == ([], {})
