"""downstream.stages.runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stage_helpers import SMALL, store_synthetic

from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from nie.errors import NieError
from nie.progress import WholeJob
from nie.runs.run import read_run
from nie.settings.run import RunConfig
from pretrain.inputs import prepare


def config(method: str, **changes: Any) -> RunConfig:
    settings = {"dataset": "synthetic", "features": SMALL["features"], "folds": {"run": [0, 1]}, "method": method}
    return IMPORTANCE.recipes.resolve(overrides={**settings, **changes})


def runner(root: Path, jobs: int = 1) -> Runner:
    store_synthetic(root / "data")
    return Runner(data_root=root / "data", run_root=root / "runs", jobs=jobs)


def test_inputs_are_made_once_for_stages_that_share_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = runner(tmp_path)
    calls = []
    original = prepare
    monkeypatch.setattr("pretrain.inputs.prepare", lambda *a, **k: calls.append(1) or original(*a, **k))
    inverse = config("ridge", graph={"inverse_relations": True})
    one = made.inputs(config("ridge"))
    assert made.inputs(config("linear")) is one
    assert made.inputs(inverse) is made.inputs(inverse)
    assert made.inputs(config("ridge")) is one
    assert len(calls) == 2


@pytest.mark.slow
def test_parallel_processes_give_the_same_figures_and_what_one_that_fails_said(tmp_path: Path) -> None:
    good = [config("ridge"), config("linear", folds={"run": [0]})]
    bad = config("gcn", optim={"max_epochs": 2, "lr": 1e30})
    alone = runner(tmp_path / "alone").run(good)
    made = runner(tmp_path / "together", jobs=2)
    with pytest.raises(NieError, match=r"2 failed.*fold 0 \(exit code 2.*(loss|scores) became") as caught:
        made.run([good[0], bad, good[1]])
    assert "fold 1" in str(caught.value)
    for one, two in zip(alone, [read_run(made.path(settings)) for settings in good], strict=True):
        assert one.path.name == two.path.name
        folds = one.finished_folds()
        assert two.finished_folds() == folds
        assert [one.metrics(fold)["test"] for fold in folds] == [two.metrics(fold)["test"] for fold in folds]
        assert (two.path / "summary.json").read_text() == (one.path / "summary.json").read_text()


def test_folds_of_parallel_processes_count_in_the_progress_of_the_whole_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config("ridge")
    runner(tmp_path).run([settings.on_folds(0)])
    made = runner(tmp_path, jobs=2)
    monkeypatch.setattr("downstream.stages.runner.run_apart", lambda commands, **_: iter([(0, 1)]))
    with WholeJob({"ridge fold 0": 1, "ridge fold 1": 2, "gcn fold 0": 1}) as job:
        assert len(made.attempt([settings])) == 1
        assert job.share == 0.75


def test_no_jobs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="at least 1; got 0"):
        Runner(data_root=tmp_path, run_root=tmp_path, jobs=0)
