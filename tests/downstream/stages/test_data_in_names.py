"""The data in the names of runs, and which runs are of older data (downstream.stages.same_graph)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from link_helpers import TINY, ring
from stage_helpers import SMALL, run_quietly, store_synthetic

from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.stage import LINKS
from downstream.stages.runner import Runner
from downstream.stages.same_graph import is_older
from downstream.stages.table import STAGES
from nie.data import load
from nie.data.store import save
from nie.data.version import stored_version
from nie.runs.run import Run, open_run, read_run

LINEAR = {"dataset": "synthetic", "features": SMALL["features"], "folds": {"run": [0]}, "method": "linear"}


def linear(root: Path) -> Run:
    (run,) = Runner(data_root=root, run_root=root / "runs").run([IMPORTANCE.recipes.resolve(overrides=LINEAR)])
    return run


def retold(root: Path) -> None:
    """Store the graph with another text."""
    kg = load("synthetic", root)
    save(replace(kg, text=["another text", *kg.text[1:]]), root / "synthetic" / "processed")


def test_a_run_is_older_when_any_data_have_changed_and_not_when_they_are_back(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    run = linear(tmp_path)
    assert not is_older(run, stored_version("synthetic", tmp_path))
    retold(tmp_path)
    assert is_older(run, stored_version("synthetic", tmp_path))
    assert linear(tmp_path).path != run.path
    store_synthetic(tmp_path)
    assert linear(tmp_path).path == run.path
    assert not is_older(run, stored_version("synthetic", tmp_path))


def test_a_run_from_before_runs_were_named_by_their_data_is_older(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    config = IMPORTANCE.recipes.resolve(overrides=LINEAR)
    run = open_run(config, root=tmp_path / "runs", made_from={"dataset_sha256": kg.digest})
    assert is_older(run, stored_version("synthetic", tmp_path))
    assert linear(tmp_path).path != run.path


def test_what_nobody_can_say_is_not_older(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    links = LINKS.recipes.resolve(overrides={"dataset": "db15k"})
    run = open_run(links, root=tmp_path / "runs", made_from={"dataset_sha256": kg.digest})
    assert not is_older(run, {"dataset_sha256": "other"})  # its digest is of the graph with splits
    assert is_older(run, {"data_sha256": "other"})
    (run.path / "provenance.json").write_text("{")
    assert not is_older(run, {"data_sha256": "other"})


@pytest.mark.parametrize("stage", ["downstream", "pretrain", "link"])
def test_the_single_commands_and_the_runner_agree_on_the_folder(stage: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    ring(tmp_path)
    flags = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0"]
    short = ["--optim.max_epochs", "2", "--optim.eval_every", "1", "--optim.patience", "2"]
    words = {
        "downstream": ["--recipe", "fast", "--dataset", "synthetic", "--method", "linear", *flags],
        "pretrain": ["--recipe", "fast", "--dataset", "synthetic", *flags, *short, "--loss.gamma", "0.2"],
        "link": ["--recipe", "rotate", "--dataset", "links", "--model.size", "4", "--negatives.count", "9", *short],
    }[stage]
    code, out, error = run_quietly([stage, *words], tmp_path, tmp_path / "runs")
    assert code == 0, error
    run = read_run(out.splitlines()[-1])
    config = STAGES[run.stage].recipes.resolve(words[1], flags=words[2:])
    assert config.data is None
    assert Runner(data_root=tmp_path, run_root=tmp_path / "runs").path(config) == run.path
    assert run.config["data"] == load(run.config["dataset"], tmp_path).data_digest[:8]


def test_links_of_an_own_graph_are_named_by_the_graph_and_not_by_its_splits(tmp_path: Path) -> None:
    kg = ring(tmp_path)
    save(replace(kg, held_out={}), tmp_path / "links" / "processed")
    configs = [LINKS.recipes.resolve(overrides={**TINY, "seed": seed, "optim": {"max_epochs": 1}}) for seed in (0, 1)]
    runs = Runner(data_root=tmp_path, run_root=tmp_path / "runs").run(configs)
    assert len({run.config["data"] for run in runs}) == 1
    assert not any(is_older(run, stored_version("links", tmp_path)) for run in runs)


def test_a_stored_run_made_again_on_newer_data_is_a_new_run(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    run = linear(tmp_path)
    retold(tmp_path)
    code, out, error = run_quietly(
        ["downstream", "--recipe", str(run.path / "config.yaml")], tmp_path, tmp_path / "runs"
    )  # fmt: skip
    assert code == 0, error
    new = read_run(out.splitlines()[-1])
    assert new.path != run.path
    assert new.config == {**run.config, "data": load("synthetic", tmp_path).data_digest[:8]}


def test_runs_of_a_dataset_of_nie_have_no_data_in_their_names() -> None:
    runner = Runner(data_root="nowhere", run_root="runs")
    config = IMPORTANCE.recipes.resolve("geo-fast")
    assert runner.path(config).name == f"rgtn-{config.digest()}"
