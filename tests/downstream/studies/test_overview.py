"""downstream.studies.overview."""

from pathlib import Path

import pytest
from stage_helpers import SMALL_FLAGS, store_synthetic

from downstream.reports.results import best_run
from downstream.stages.runner import Runner
from downstream.studies.overview import main_job
from nie.errors import NieError
from nie.runs.run import read_run


def runner_at(root: Path) -> Runner:
    return Runner(data_root=root / "data", run_root=root / "runs")


def test_the_main_job_runs_every_method_on_the_same_folds(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    runs = main_job("synthetic", profile="quick", flags=SMALL_FLAGS, runner=runner_at(tmp_path))
    assert [run.config["label"] for run in runs] == ["pagerank", "ridge", "boosting", "rgtn", "rgtn+licap"]
    folds = [[run.metrics(fold)["binding"]["fold_sha256"] for fold in run.finished_folds()] for run in runs]
    assert all(len(digests) == 2 for digests in folds)
    assert all(digests == folds[0] for digests in folds)
    validation = [sum(run.metrics(fold)["val"]["spearman"] for fold in (0, 1)) for run in runs]
    assert best_run(runs) is runs[validation.index(max(validation))]
    stage1 = read_run(runs[-1].config["pretrained"])
    assert stage1.config["features"] == runs[-1].config["features"]
    assert stage1.config["folds"] == runs[-1].config["folds"]


def test_a_graph_too_small_for_licap_has_its_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def too_small(*_arguments: object, **_settings: object) -> None:
        raise NieError("The top bin is empty.")

    store_synthetic(tmp_path / "data")
    monkeypatch.setattr("pretrain.licap._draw", too_small)
    runs = main_job("synthetic", profile="quick", flags=SMALL_FLAGS, runner=runner_at(tmp_path))
    assert [run.config["label"] for run in runs] == ["pagerank", "ridge", "boosting", "rgtn"]
    assert caplog.text.count("LICAP is left out. Fold 0 of synthetic: The top bin is empty.") == 1


def test_any_other_error_of_licap_ends_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(*_arguments: object, **_settings: object) -> None:
        raise NieError("The disk is full.")

    store_synthetic(tmp_path / "data")
    monkeypatch.setattr("pretrain.licap.pretrain", disk_full)
    with pytest.raises(NieError, match="disk is full"):
        main_job("synthetic", profile="quick", flags=SMALL_FLAGS, runner=runner_at(tmp_path))
