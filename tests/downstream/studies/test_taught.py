"""downstream.studies.taught, and arms whose stage 1 reads the runs of other arms."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_helpers import store_synthetic

from downstream.stages.runner import Runner
from downstream.studies.catalogue import find_study
from downstream.studies.records import left_to_run
from downstream.studies.seeds import on_seeds
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, finished_arms, run_arms
from nie.runs.run import read_run

FLAGS = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0,1"]
SHORT = {"loss": {"objective": "regression"}, "optim": {"max_epochs": 2, "patience": 2, "eval_every": 1}}


@pytest.mark.parametrize("jobs", [1, 2])
def test_teachers_are_run_before_the_stage_1_that_they_teach(jobs: int, tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    settings, runner = (
        Settings("synthetic", flags=FLAGS),
        Runner(data_root=tmp_path / "data", run_root=tmp_path, jobs=jobs),
    )
    teacher = Arm("ridge", settings.method("ridge"))
    licap = settings.licap(**SHORT, teachers=("ridge",))
    arms = [teacher, Arm("linear+taught", settings.method("linear"), licap, teachers=(teacher,))]
    runs, failed = run_arms(arms, runner)
    assert not failed
    assert runs.keys() == {"ridge", "linear+taught"} == finished_arms(arms, runner).keys()
    encoder = read_run(str(runs["linear+taught"].config["pretrained"]))
    assert [Path(folder).name for folder in encoder.config["teachers"]] == [runs["ridge"].path.name]


def test_a_pretraining_is_taught_by_a_row_of_its_share_and_seed() -> None:
    study = find_study("taught")
    arms = {arm.name: arm for arm in on_seeds(study.arms(Settings("fb15k")), study.seeds)}
    for seed in ("", ", seed 2"):
        taught = arms[f"rgcn, 10 %+taught regression{seed}"]
        (teacher,) = taught.teachers
        row = arms[f"kernel-ridge-neighbours, 10 %{seed}"]
        assert teacher.config.digest() == row.config.digest()
        assert taught.licap is not None
        assert taught.licap.folds.train_share == row.config.folds.train_share == taught.config.folds.train_share
        assert arms[f"rgcn, 10 %, taught{seed}"].parts[0].config.digest() == row.config.digest()
    pairs = study.pairs(study.arms(Settings("fb15k")))
    assert {name for pair in pairs for name in pair} <= set(arms)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert {theirs for ours, theirs in pairs if ours == "rgtn, 70 %+taught regression"} == {
        "rgtn, 70 %", "rgtn, 70 %+untrained", "rgtn, 70 %+regression", "rgtn, 70 %, taught",
        "kernel-ridge-neighbours, 70 %",
    }  # fmt: skip


def test_a_teacher_of_which_there_is_a_record_alone_is_run_again_for_a_stage_1_to_read_it() -> None:
    teacher = Arm("ridge", Settings("synthetic").method("ridge"))
    licap = Settings("synthetic").licap(**SHORT, teachers=("ridge",))
    taught = Arm("linear+taught", Settings("synthetic").method("linear"), licap, teachers=(teacher,))
    recorded = {"ridge": dict.fromkeys(range(5)), "linear+taught": dict.fromkeys(range(4))}
    left = {arm.name: arm.config.fold_numbers for arm in left_to_run([teacher, taught], recorded)}  # type: ignore[arg-type]
    assert left == {"ridge": (4,), "linear+taught": (4,)}
