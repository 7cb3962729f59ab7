"""downstream.studies.overview."""

from pathlib import Path

import numpy as np
import pytest
from stage_helpers import SMALL_FLAGS, run_quietly, store_synthetic, with_labels

from downstream.reports.results import best_run, find_runs
from downstream.stages.runner import Runner
from downstream.studies.overview import main_job
from nie.data import BUILDERS, synthetic
from nie.data.store import save
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


def test_other_data_of_one_s_own_graph_are_new_runs_and_the_old_ones_stay(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path / "data")
    flags = [*SMALL_FLAGS, "--optim.max_epochs", "1"]

    def names() -> set[str]:
        made = main_job("synthetic", profile="quick", flags=flags, runner=runner_at(tmp_path))
        return {run.path.name for run in made}

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
    """One sentence for all rows, one for LICAP; when it is followed, the job ends."""
    monkeypatch.setitem(BUILDERS, "synthetic", synthetic)
    kg = store_synthetic(tmp_path / "data")
    flags = [*SMALL_FLAGS, "--optim.max_epochs", "1"]
    main_job("synthetic", profile="quick", flags=flags, runner=runner_at(tmp_path))
    labels = kg.labels.copy()
    labels[np.flatnonzero(kg.label_mask)[0]] += 1
    save(with_labels(kg, labels), tmp_path / "data" / "synthetic" / "processed")
    with pytest.raises(NieError) as raised:
        main_job("synthetic", profile="quick", flags=flags, runner=runner_at(tmp_path))
    said, stages = str(raised.value), [tmp_path / "runs" / stage / "synthetic" for stage in ("downstream", "pretrain")]
    assert [said.count(f"{folder} holds runs of another synthetic") for folder in stages] == [1, 1]
    assert run_quietly(["clean", "synthetic", "--older"], tmp_path / "data", tmp_path / "runs")[0] == 0
    assert not any(folder.exists() for folder in stages)
    main_job("synthetic", profile="quick", flags=flags, runner=runner_at(tmp_path))
