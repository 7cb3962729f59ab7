"""downstream.studies.study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stage_helpers import store_synthetic

from downstream.stages.runner import Runner
from downstream.studies.report import blended_without
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, finished_arms, run_arms
from pretrain.licap import pretrain

FLAGS = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0,1"]
SHORT = {"loss": {"gamma": 0.2}, "optim": {"max_epochs": 2, "patience": 2, "eval_every": 1}}


def settings(folds: str = "0,1") -> Settings:
    return Settings("synthetic", flags=[*FLAGS[:-1], folds])


def runner(root: Path) -> Runner:
    return Runner(data_root=root / "data", run_root=root / "runs")


def test_arms_are_run_and_found_again(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    licap = settings().licap(**SHORT)
    arms = [Arm("linear", settings().method("linear")), Arm("linear+licap", settings().method("linear"), licap)]
    assert finished_arms(arms, runner(tmp_path)) == {}
    seen: list[list[str]] = []
    runs, failed = run_arms(arms, runner(tmp_path), after=lambda made: seen.append(list(made)))
    assert not failed
    assert seen == [["linear"], ["linear", "linear+licap"]]
    found = finished_arms(arms, runner(tmp_path))
    assert {name: run.path for name, run in found.items()} == {name: run.path for name, run in runs.items()}


def test_no_further_arm_is_started_when_the_time_is_up(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    arms = [Arm(name, settings().method(name)) for name in ("linear", "ridge")]
    assert run_arms(arms, runner(tmp_path), minutes=-1) == ({}, [])


def test_a_blend_is_run_after_its_parts(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    parts = tuple(Arm(name, settings().method(name)) for name in ("linear", "pagerank"))
    mixed = Arm("blend", settings().method("blend", parts=("a", "b")), parts=parts)
    runs, failed = run_arms([mixed, *parts], runner(tmp_path))
    assert not runs.keys() - {"blend", "linear", "pagerank"}
    assert failed  # one after another, the blend came first
    runs, failed = run_arms([mixed, *parts], runner(tmp_path))
    assert not failed
    assert len(runs["blend"].metrics(0)["fit"]["weights"]) == 2


def test_an_arm_may_read_a_pretraining_and_teachers(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    licap, where = settings().licap(**SHORT), runner(tmp_path)
    teachers = tuple(Arm(name, settings().method(name)) for name in ("linear", "pagerank"))
    student = Arm("mlp", settings().method("mlp", teachers=("linear", "pagerank")), licap, teachers)
    assert student.settings_in(where).reads_runs() == {
        "pretrained": str(where.path(licap)),
        "teachers": tuple(str(where.path(teacher.config)) for teacher in teachers),
    }


def test_a_blend_is_made_without_a_part_that_fails_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store_synthetic(tmp_path / "data")
    fails = settings("0").method("gcn", optim={"lr": 1e30})
    parts = (*(Arm(name, settings("0").method(name)) for name in ("linear", "pagerank")), Arm("gcn", fails))
    mixed = Arm("blend", settings("0").method("blend", parts=("a", "b"), skip_unfinished=True), parts=parts)
    runs, failed = run_arms([*parts, mixed], runner(tmp_path))
    assert [failure.arms for failure in failed] == [("gcn",)]
    facts = runs["blend"].metrics(0)["fit"]
    (left_out,) = facts["left_out"]
    assert left_out.startswith("gcn-")
    assert facts["weights"][left_out] == 0
    assert "fold 0 is blended without gcn-" in caplog.text
    (note,) = blended_without(runs)
    assert note.startswith(f"The row blend is made without {left_out}, which had not finished")


def test_an_arm_shows_the_folds_that_are_asked_for_and_no_others(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    run_arms([Arm("ridge", settings("0,1,2").method("ridge"))], runner(tmp_path))
    (run,) = finished_arms([Arm("ridge", settings("1").method("ridge"))], runner(tmp_path)).values()
    assert run.finished_folds() == [1]


def test_what_an_arm_reads_is_found_where_it_is_now(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    arm = Arm("linear+licap", settings("0").method("linear"), settings("0").licap(**SHORT))
    run_arms([arm], runner(tmp_path))
    (tmp_path / "runs").rename(tmp_path / "moved")
    (run,) = finished_arms([arm], Runner(data_root=tmp_path / "data", run_root=tmp_path / "moved")).values()
    assert Path(run.config["pretrained"]).is_dir()


def test_a_pretraining_that_fails_on_one_fold_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_synthetic(tmp_path / "data")
    original = pretrain

    def broken(config: Any, **options: Any) -> Any:
        if config.folds.run == (0,):
            raise RuntimeError("not enough memory")
        return original(config, **options)

    monkeypatch.setattr("pretrain.licap.pretrain", broken)
    arm = Arm("linear+licap", settings().method("linear"), settings().licap(**SHORT))
    runs, failed = run_arms([arm], runner(tmp_path))
    assert failed == [(("linear+licap",), "licap fold 0: not enough memory")]
    assert runs["linear+licap"].finished_folds() == [1]


def test_an_error_in_the_program_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_synthetic(tmp_path / "data")
    monkeypatch.setattr("downstream.stages.estimation.estimate", lambda *_args, **_options: [][0])
    with pytest.raises(IndexError):
        run_arms([Arm("ridge", settings().method("ridge"))], runner(tmp_path))
