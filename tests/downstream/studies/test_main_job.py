"""downstream.studies.main_job and downstream.studies.presets."""

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from stage_helpers import SMALL_FLAGS, run_quietly, store_synthetic, with_labels

from downstream.answers.node_scores import score_nodes
from downstream.reports.best_run import best_run
from downstream.reports.results import find_runs
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.studies.main_job import CANDIDATES, Answer, main_job, settings_of_flags
from downstream.studies.presets import PRESETS
from downstream.studies.settings import FED
from nie.data import BUILDERS, synthetic
from nie.data.store import save
from nie.deadline import OutOfTime
from nie.errors import NieError
from nie.runs.run import read_run
from pretrain.stage import PRETRAINING


def runner_at(root: Path) -> Runner:
    return Runner(data_root=root / "data", run_root=root / "runs")


def job(root: Path, *flags: str, **asked: Any) -> Answer:
    """The main job in small."""
    settings = settings_of_flags([*SMALL_FLAGS, *flags])
    return main_job("synthetic", preset="quick", settings=settings, runner=runner_at(root), **asked)


def test_the_main_job_runs_every_method_on_the_same_folds(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    answer = job(tmp_path, minutes=60)
    assert tuple(answer.runs) == CANDIDATES
    runs = list(answer.runs.values())
    folds = [[run.metrics(fold)["binding"]["fold_sha256"] for fold in run.finished_folds()] for run in runs]
    assert all(len(digests) == 2 for digests in folds)
    assert all(digests == folds[0] for digests in folds)
    assert answer.best in (answer.runs["blend"], best_run(runs))
    stage1 = read_run(answer.runs["rgtn+licap"].config["pretrained"])
    of_stage1, of_stage2 = (
        {k: v for k, v in run.config["features"].items() if k not in FED} for run in (stage1, runs[-2])
    )
    assert of_stage1 == of_stage2
    assert stage1.config["folds"] == runs[-2].config["folds"]
    parts = answer.runs["blend"].config["parts"]
    assert [Path(part).name for part in parts] == [run.path.name for run in runs[:-1]]


@pytest.mark.parametrize(
    ("blend", "chosen"),
    [(0.81, "blend"), (0.79, "blend"), (0.74, "ridge")],  # of 100 validation nodes, the standard error is .042
)
def test_the_blend_is_chosen_unless_it_is_worse_by_more_than_a_standard_error(blend: float, chosen: str) -> None:
    class Stand:
        """A run of known figures."""

        config: ClassVar[dict[str, str]] = {"method": "ridge"}

        def __init__(self, spearman: float) -> None:
            self.spearman = spearman

        def finished_folds(self) -> list[int]:
            return [0]

        def figures(self, _fold: int, _part: str) -> dict[str, float]:
            return {"spearman": self.spearman}

        def split(self, _fold: int) -> dict[str, range]:
            return {"val": range(100)}

    runs: dict[str, Any] = {"pagerank": Stand(0.5), "ridge": Stand(0.8), "blend": Stand(blend)}
    assert Answer(runs).best is runs[chosen]


def test_a_network_that_the_time_ends_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store_synthetic(tmp_path / "data")
    epochs = itertools.count()

    def over() -> None:
        if next(epochs) == 3:
            raise OutOfTime

    with monkeypatch.context() as patch:
        patch.setattr("nie.training.loop.check_time", over)
        answer = job(tmp_path, methods=["ridge", "rgcn", "rgtn", "blend"], minutes=60)
    assert tuple(answer.runs) == ("ridge",)
    assert answer.left_out == {
        "rgcn": "0 of 2 folds within 60 minutes",
        "rgtn": "0 of 2 folds within 60 minutes",
        "blend": "fewer than two methods are finished",
    }
    assert "Left out: rgcn, 0 of 2 folds within 60 minutes; rgtn, " in caplog.text
    checkpoints = list((tmp_path / "runs").rglob("checkpoint.pt"))
    assert len(checkpoints) == 1
    assert "rgcn" in str(checkpoints[0])
    again = job(tmp_path, methods=["ridge", "rgcn", "blend"], minutes=60)
    assert tuple(again.runs) == ("ridge", "rgcn", "blend")
    whole = job(tmp_path / "whole", methods=["rgcn"]) if store_synthetic(tmp_path / "whole" / "data") else None
    assert whole is not None
    one, other = (answer.runs["rgcn"].path / "fold0" / "predictions.npy" for answer in (again, whole))
    np.testing.assert_array_equal(np.load(one), np.load(other))


def test_rows_that_are_finished_on_other_folds_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_synthetic(tmp_path / "data")
    whole = job(tmp_path, methods=["pagerank", "linear", "ridge"])
    for row, fold in (("pagerank", 0), ("linear", 1), ("ridge", 1)):
        shutil.rmtree(whole.runs[row].fold_path(fold))
    monkeypatch.setattr("downstream.studies.main_job.run_arms", lambda *_, **__: ({}, []))
    answer = job(tmp_path, methods=["pagerank", "linear", "ridge"], minutes=60)
    assert set(answer.runs) == {"linear", "ridge"}
    assert answer.left_out == {"pagerank": "0 of 1 folds within 60 minutes"}
    assert best_run(list(whole.runs.values())).finished_folds() == [0]


def test_no_method_in_time_is_said_with_what_to_do_and_cheap_ones_are_made_in_any_case(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    with pytest.raises(NieError, match="No method was finished within 1e-09 minutes; run the same command again"):
        job(tmp_path, methods=["gcn", "rgtn"], minutes=1e-9)
    assert tuple(job(tmp_path, methods=["pagerank", "ridge", "rgtn", "blend"], minutes=1e-9).runs) == (
        "pagerank", "ridge", "blend",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"methods": ["boostin"]}, "There is no method 'boostin' .did you mean 'boosting'"),
        ({"methods": ["blend"]}, "at least one besides blend"),
        ({"methods": []}, "at least one besides blend"),
        ({"methods": ["pagerank+licap"]}, "pagerank reads no features that LICAP could replace"),
    ],
)
def test_methods_that_make_no_sense_are_refused(asked: dict[str, Any], said: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    with pytest.raises(NieError, match=said):
        job(tmp_path, **asked)
    assert not (tmp_path / "runs").exists()


def test_features_that_cannot_be_had_end_the_job_before_a_row_that_reads_none(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    with pytest.raises(NieError, match="facts"):
        job(tmp_path, "--features.structural", "facts", methods=["pagerank", "ridge"])
    assert not (tmp_path / "runs").exists()


def test_a_preset_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"There is no preset 'quik' \(did you mean 'quick'"):
        main_job("synthetic", preset="quik", runner=runner_at(tmp_path))


def test_settings_reach_the_methods_that_know_them(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    answer = job(tmp_path, "--model.num_heads", "3", methods=["gcn", "rgtn", "ridge"], minutes=60)
    assert tuple(answer.runs) == ("ridge", "rgtn", "gcn")
    assert answer.runs["rgtn"].config["model"]["num_heads"] == 3
    assert "num_heads" not in answer.runs["gcn"].config["model"]
    assert {run.config["optim"]["max_epochs"] for row, run in answer.runs.items() if row != "ridge"} == {6}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_recipes_of_both_stages(preset: str) -> None:
    for stage in (IMPORTANCE, PRETRAINING):
        assert stage.recipes.path(PRESETS[preset].recipe).is_file()


def test_a_graph_too_small_for_licap_has_its_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def too_small(*_arguments: object, **_settings: object) -> None:
        raise NieError("The top bin is empty.")

    store_synthetic(tmp_path / "data")
    monkeypatch.setattr("pretrain.contrast_sets.draw_sets", too_small)
    answer = job(tmp_path, methods=["ridge", "rgtn", "rgtn+licap"])
    assert tuple(answer.runs) == ("ridge", "rgtn")
    assert answer.left_out == {"rgtn+licap": "its labels leave LICAP nothing to contrast"}
    assert caplog.text.count("LICAP is left out. Fold 0 of synthetic: The top bin is empty.") == 1


@pytest.mark.parametrize("preset", ["quick", "good"])  # with a time limit and without
def test_licap_alone_on_a_graph_too_small_for_it_says_why_there_is_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    def too_small(*_arguments: object, **_settings: object) -> None:
        raise NieError("The top bin is empty.")

    store_synthetic(tmp_path / "data")
    monkeypatch.setattr("pretrain.contrast_sets.draw_sets", too_small)
    with pytest.raises(NieError, match=r"at least one without LICAP, .*\. Fold 0 of synthetic: The top bin is empty"):
        main_job(
            "synthetic", preset=preset, methods=["rgtn+licap"], settings=settings_of_flags(SMALL_FLAGS),
            runner=runner_at(tmp_path),
        )  # fmt: skip


def test_what_fails_is_left_out_with_the_reason_and_the_blend_is_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def disk_full(*_arguments: object, **_settings: object) -> None:
        raise NieError("The disk is full.")

    store_synthetic(tmp_path / "data")
    monkeypatch.setattr("pretrain.licap.pretrain", disk_full)
    flags, rows = ("--optim.lr", "1e30"), ["pagerank", "ridge", "gcn", "rgtn+licap", "blend"]
    answer = job(tmp_path, *flags, methods=rows)
    assert tuple(answer.runs) == ("pagerank", "ridge", "blend")
    assert answer.left_out["rgtn+licap"] == "licap fold 0, 1: The disk is full"
    assert answer.left_out["gcn"].startswith("fold 0, 1: The ")
    assert len(answer.runs["blend"].config["parts"]) == 2
    assert "; gcn, fold 0, 1: The " in caplog.text
    with pytest.raises(NieError, match="gcn fold 0, 1: The "):
        job(tmp_path, *flags, methods=["gcn", "rgtn+licap"])


def test_other_data_of_ones_own_graph_are_new_runs_and_the_old_ones_stay(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path / "data")

    def names() -> set[str]:
        made = job(tmp_path, "--optim.max_epochs", "1", methods=["ridge", "rgtn", "rgtn+licap", "blend"], minutes=60)
        return {run.path.name for run in made.runs.values()}

    first = names()
    labels = kg.labels.copy()
    labels[np.flatnonzero(kg.label_mask)[0]] += 1
    save(with_labels(kg, labels), tmp_path / "data" / "synthetic" / "processed")
    second = names()
    assert not first & second
    folder = tmp_path / "runs" / "downstream" / "synthetic"
    assert {path.name for path in folder.iterdir()} == first | second
    assert {run.path.name for run in find_runs("synthetic", tmp_path / "runs", tmp_path / "data")} == second
    store_synthetic(tmp_path / "data")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("DONE")}
    assert names() == first
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("DONE")} == before


def test_runs_of_another_build_of_a_dataset_of_nie_are_refused_once_with_advice_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence for all rows; when it is followed, the job ends."""
    monkeypatch.setitem(BUILDERS, "synthetic", synthetic)
    kg = store_synthetic(tmp_path / "data")
    rows = ["ridge", "rgtn", "rgtn+licap"]
    job(tmp_path, "--optim.max_epochs", "1", methods=rows)
    labels = kg.labels.copy()
    labels[np.flatnonzero(kg.label_mask)[0]] += 1
    save(with_labels(kg, labels), tmp_path / "data" / "synthetic" / "processed")
    with pytest.raises(NieError) as raised:
        job(tmp_path, "--optim.max_epochs", "1", methods=rows)
    said, stages = str(raised.value), [tmp_path / "runs" / stage / "synthetic" for stage in ("downstream", "pretrain")]
    assert said.count(f"{stages[0]} holds runs of another synthetic") == 1
    assert run_quietly(["clean", "synthetic", "--older"], tmp_path / "data", tmp_path / "runs")[0] == 0
    assert not any(folder.exists() for folder in stages)
    job(tmp_path, "--optim.max_epochs", "1", methods=rows)


@pytest.mark.parametrize(("scores", "value"), [(12, np.arange), (100, np.ones)], ids=["few", "equal"])
def test_scores_that_choose_no_epoch_leave_the_networks_out(
    scores: int, value: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kg = synthetic(0)
    labelled = np.arange(kg.num_nodes) < scores
    labels = np.where(labelled, value(kg.num_nodes), np.nan)
    save(replace(kg, labels=labels, label_mask=labelled), tmp_path / "data" / "synthetic" / "processed")
    answer = job(tmp_path, methods=["pagerank", "ridge", "rgcn", "rgtn+licap", "blend"])
    assert tuple(answer.runs) == ("pagerank", "ridge", "blend")
    assert set(answer.left_out.values()) == {"the scores of its validation nodes are too few or all equal"}
    assert "validation nodes tell no ranking from another" in caplog.text
    assert [remark.split(",")[0] for remark in answer.remarks()[:-1]] == ["Left out: rgcn", "Left out: rgtn+licap"]
    assert answer.remarks()[-1] == answer.doubt
    errors = {row: np.mean([run.figures(fold, "val")["rmse"] for fold in (0, 1)]) for row, run in answer.runs.items()}
    assert answer.best is answer.runs[min(errors, key=lambda row: errors[row])]
    scored = score_nodes(answer.best, data_root=tmp_path / "data")
    assert scores == 12 or not scored.drawn_in.any()  # what differs by rounding alone is not beyond what is known
    with pytest.raises(NieError, match="no epoch of rgcn can be chosen; give more scores, or try other --methods"):
        job(tmp_path, methods=["rgcn"])
