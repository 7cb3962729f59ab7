"""downstream.studies.search."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from stage_helpers import store_synthetic

from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.stages.table import STAGES
from downstream.studies.search import _as_recipes, search
from downstream.studies.settings import Settings
from nie.disk.atomic import NotWritten
from nie.errors import NieError
from nie.runs.run import read_run

optuna = pytest.importorskip("optuna")
FLAGS = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0,1"]
RECIPE = """
dataset: own
optim: {max_epochs: 4, patience: 4, eval_every: 2}
methods:
  gcn:
    search:
      optim.lr: {low: 0.001, high: 0.1, log: true}
      model.num_layers: {low: 1, high: 3}
      model.hidden_size: {choices: [8, 16]}
      licap.loss.gamma: {choices: [0.2]}
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    store_synthetic(tmp_path / "data")
    (tmp_path / "fast.yaml").write_text(RECIPE)
    own = replace(IMPORTANCE, recipes=replace(IMPORTANCE.recipes, folder=tmp_path))
    for module in ("settings", "search"):
        monkeypatch.setattr(f"downstream.studies.{module}.IMPORTANCE", own)
    return Settings("synthetic", flags=FLAGS)


def runner(root: Path) -> Runner:
    return Runner(data_root=root / "data", run_root=root / "runs")


@pytest.mark.slow
def test_trials_are_added_to_those_that_there_are(settings: Settings, tmp_path: Path) -> None:
    text = search("gcn", settings, runner=runner(tmp_path), trials=3)
    assert "3 trials" in text
    found = yaml.safe_load(text)
    best = found["methods"]["gcn"]
    assert set(best) == {"optim", "model"}
    assert 1 <= best["model"]["num_layers"] <= 3
    assert best["model"]["hidden_size"] in (8, 16)
    (tmp_path / "fast.yaml").write_text(f"dataset: own\n{text}")
    assert settings.method("gcn").model.hidden_size == best["model"]["hidden_size"]
    (tmp_path / "fast.yaml").write_text(RECIPE)
    again = search("gcn", settings, runner=runner(tmp_path), trials=1)
    assert "4 trials" in again or "3 trials" in again  # the last one may have been ended early
    assert (tmp_path / "runs" / "trials.db").exists()


@pytest.mark.slow
def test_the_value_is_that_of_the_validation_nodes(settings: Settings, tmp_path: Path) -> None:
    text = search("gcn", settings, runner=runner(tmp_path), trials=1)
    (run,) = (tmp_path / "runs" / "downstream" / "synthetic").glob("gcn-*")
    figures = [read_run(run).metrics(fold)["val"]["spearman"] for fold in (0, 1)]
    assert f"spearman {sum(figures) / 2:.4f} on validation" in text


def test_what_cannot_be_searched_is_said(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"must be a neural network, one of mlp.*; got ridge"):
        search("ridge", settings, runner=runner(tmp_path), trials=1)
    with pytest.raises(NieError, match="no ranges under 'search'"):
        search("rgtn", settings, runner=runner(tmp_path), trials=1)
    path = tmp_path / "fast.yaml"
    path.write_text(RECIPE.replace("optim.lr:", "optim.lrr:"))
    with pytest.raises(NieError, match=r"'optim.lrr'"):
        search("gcn", settings, runner=runner(tmp_path), trials=1)
    path.write_text(RECIPE.replace("{choices: [8, 16]}", "{low: 3}"))
    with pytest.raises(NieError, match="low < high, or choices"):
        search("gcn", settings, runner=runner(tmp_path), trials=1)


@pytest.mark.slow
def test_the_first_trial_has_the_settings_that_are_there(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "fast.yaml").write_text(RECIPE.replace("search:", "optim: {lr: 0.0123}\n    search:"))
    found = yaml.safe_load(search("gcn", settings, runner=runner(tmp_path), trials=1))
    assert found["methods"]["gcn"]["optim"]["lr"] == 0.0123


@pytest.mark.parametrize("error", [NotWritten("The disk is full."), OSError(24, "Too many open files")])
def test_an_error_of_the_machine_ends_the_search_and_is_no_trial(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setitem(STAGES, IMPORTANCE.name, replace(IMPORTANCE, run=broken))
    with pytest.raises(type(error)):
        search("gcn", settings, runner=runner(tmp_path), trials=3)
    url = f"sqlite:///{tmp_path / 'runs' / 'trials.db'}"
    (name,) = optuna.get_all_study_names(url)
    assert [trial.state.name for trial in optuna.load_study(study_name=name, storage=url).trials] == ["FAIL"]
    monkeypatch.setitem(STAGES, IMPORTANCE.name, replace(IMPORTANCE, run=_diverged))
    with pytest.raises(NieError, match="No trial was finished"):
        search("gcn", settings, runner=runner(tmp_path), trials=1)
    study = optuna.load_study(study_name=name, storage=url)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "PRUNED"]
    assert all(trial.params["optim.lr"] == settings.network("gcn").optim.lr for trial in study.trials)


def _diverged(*_: Any, **__: Any) -> None:
    raise NieError("The loss became infinite.")


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.build is not None])
def test_every_network_has_ranges_on_every_graph(method: str) -> None:
    for dataset in ("mine", "geo", "fb15k"):
        assert Settings(dataset).ranges(method).keys() >= {"optim.lr", "loss.listwise_weight"}


def test_a_dataset_s_own_ranges_win(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "synthetic-fast.yaml").write_text(
        "dataset: synthetic\nmethods: {gcn: {search: {seed: {low: 1, high: 3}}}, mlp: {}}\n"
    )
    assert set(settings.ranges("gcn")) == {"seed"}
    (tmp_path / "synthetic-fast.yaml").write_text("dataset: synthetic\n")
    assert "model.hidden_size" in settings.ranges("gcn")


@pytest.mark.parametrize(("dataset", "own"), [("fb15k", True), ("synthetic", False)])
def test_the_best_settings_say_where_they_belong(
    dataset: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, Path(__file__).parents[3]):
        monkeypatch.chdir(folder)
        text = _as_recipes(Settings(dataset), "gcn", {"optim.lr": 0.1, "licap.loss.gamma": 0.2}, "note")
        paths = re.findall(r"^# add to (?:a copy of )?(\S+\.yaml)", text, re.MULTILINE)
        assert [Path(path).is_file() for path in paths] == [True, True]
        assert all(Path(path).stem == ("fb15k-fast" if own else "fast") for path in paths)
        assert text.count("--recipe synthetic-") == (0 if own else 2)
