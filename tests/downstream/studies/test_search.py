"""downstream.studies.search."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from stage_helpers import run_quietly, store_synthetic

from downstream.methods.importance_settings import SearchRange
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.stages.table import STAGES
from downstream.studies.search import NEVER_ENDED, _as_recipes, _configs, _present, search
from downstream.studies.search_space import checked, range_in, range_of
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
    text = search("gcn", settings, runner=runner(tmp_path), trials=3).recipes
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
    assert again.trials == 4
    assert (tmp_path / "runs" / "trials.db").exists()


@pytest.mark.slow
def test_the_value_is_that_of_the_validation_nodes(settings: Settings, tmp_path: Path) -> None:
    found = search("gcn", settings, runner=runner(tmp_path), trials=1)
    (run,) = (tmp_path / "runs" / "downstream" / "synthetic").glob("gcn-*")
    figures = [read_run(run).metrics(fold)["val"]["spearman"] for fold in (0, 1)]
    assert (found.metric, found.value) == ("spearman", pytest.approx(sum(figures) / 2))
    assert f"spearman {found.value:.4f} on validation" in found.recipes


def test_what_cannot_be_searched_is_said(settings: Settings, tmp_path: Path) -> None:
    for method in ("ridge", "rgtn"):
        with pytest.raises(NieError, match=rf"No recipe has ranges for {method} on synthetic under 'search'.*--set"):
            search(method, settings, runner=runner(tmp_path), trials=1)
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
    assert search("gcn", settings, runner=runner(tmp_path), trials=1).values["optim.lr"] == 0.0123


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
    assert all(trial.params["optim.lr"] == settings.method("gcn").optim.lr for trial in study.trials)


def _diverged(*_: Any, **__: Any) -> None:
    raise NieError("The loss became infinite.")


@pytest.mark.parametrize(
    "method", [name for name, method in METHODS.items() if "search" in method.settings.model_fields]
)
def test_every_method_with_settings_to_search_has_ranges_on_every_graph(method: str) -> None:
    for dataset in ("mine", "geo", "fb15k"):
        ranges = Settings(dataset).ranges(method)
        assert ranges.keys() >= (
            {"optim.lr", "loss.listwise_weight"} if METHODS[method].is_network else {"model.min_samples"}
        )
        checked(
            {name: span for name, span in ranges.items() if not name.startswith("licap.")},
            lambda values, dataset=dataset: _present(values, *_configs(method, Settings(dataset), values, False)),
        )


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


@pytest.mark.parametrize("method", ["forest", "boosting"])
def test_trees_are_searched_on_their_validation_nodes(method: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    space = {"model.min_samples": [5, 20], "seed": (0, 1)}
    found = search(method, Settings("synthetic", flags=FLAGS), runner=runner(tmp_path), trials=2, space=space)
    assert set(found.values) == set(space)
    best = yaml.safe_load(found.recipes)["methods"][method]
    assert best["model"]["min_samples"] == found.values["model.min_samples"]
    runs = list((tmp_path / "runs" / "downstream" / "synthetic").glob(f"{method}-*"))
    figures = [[read_run(run).metrics(fold)["val"]["spearman"] for fold in (0, 1)] for run in runs]
    assert found.value == pytest.approx(max(sum(values) / 2 for values in figures))


def test_a_trial_is_ended_where_the_mean_of_its_folds_is_behind_however_well_the_first_did(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([*[0.5] * 3 * NEVER_ENDED, 0.9, 0.0, 0.4, 0.6, 0.5])
    monkeypatch.setattr("downstream.studies.search._validate", lambda *_: next(figures))
    three_folds = Settings(settings.dataset, flags=[*FLAGS[:-1], "0,1,2"])
    search("gcn", three_folds, runner=runner(tmp_path), trials=NEVER_ENDED + 2)
    url = f"sqlite:///{tmp_path / 'runs' / 'trials.db'}"
    trials = optuna.load_study(study_name=None, storage=url).trials
    ended = [len(trial.intermediate_values) for trial in trials if trial.state.name == "PRUNED"]
    assert ended == [2, 1]
    assert next(figures) == 0.6


def test_a_trial_whose_metric_is_undefined_is_ended_and_no_error(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    with pytest.raises(NieError, match="No trial was finished"):
        search(
            "boosting", Settings("synthetic", flags=FLAGS), runner=runner(tmp_path), trials=1,
            space={"model.min_samples": [10_000]},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"optim.lrr": (0.1, 0.2)}, r"The range of optim.lrr does not fit: Unknown key .*did you mean 'optim.lr'"),
        ({"optim.lr": (-1.0, 0.2)}, r"The range of optim.lr does not fit: .*greater than 0"),
        ({"optim.lr": (0.2, 0.1)}, "low < high"),
        ({"optim.lr": (0, 0.1, "log")}, "low must be above 0 on a logarithmic scale"),
        ({"optim.lr": (1, 2, "lag")}, r'must be \(low, high\)'),
        ({"optim.lr": 0.1}, r'must be \(low, high\)'),
        ({"optim.lr": []}, r'must be \(low, high\)'),
        ({"model.hidden_size": (1.5, 3)}, "does not fit: .*valid integer"),
        ({"model.num_heads": [3]}, r"The range of model.num_heads does not fit"),
        ({"licap.loss.gamma": [0.1]}, r"search it with --licap \(in Python: gat\+licap\)"),
    ],
)  # fmt: skip
def test_a_range_that_cannot_be_is_one_sentence(space: dict[str, Any], said: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    with pytest.raises(NieError, match=said):
        search("gat", Settings("synthetic", flags=FLAGS), runner=runner(tmp_path), trials=1, space=space)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "name",
    ["select", "dataset", "method", "label", "plugins", "search", "folds.run", "folds.seed", "tier_shares",
     "licap.dataset", "licap.label", "licap.plugins", "licap.folds.num_folds"],
)  # fmt: skip
def test_trials_are_of_one_thing_and_judged_by_one_metric(name: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    for choices in (["spearman", "rmse"], [2, 5]):
        with pytest.raises(NieError, match=rf"^{name} cannot be searched, because trials that differ in it") as raised:
            search(
                "gcn", Settings("synthetic", flags=FLAGS), runner=runner(tmp_path), trials=1, licap=True,
                space={name: choices},
            )  # fmt: skip
        assert "\n" not in str(raised.value)


class Killed(BaseException):
    """Leaves a trial as SIGKILL does: running, without a further heartbeat."""


def test_present_settings_are_tried_although_a_kill_met_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, present = f"sqlite:///{tmp_path / 'runs' / 'trials.db'}", settings.method("gcn").optim.lr

    def killed(*_: Any) -> float:
        raise Killed

    def trials_after(number: int) -> list[tuple[str, bool]]:
        monkeypatch.setattr("downstream.studies.search._validate", lambda *_: 0.5)
        search("gcn", settings, runner=runner(tmp_path), trials=number)
        trials = optuna.load_study(study_name=None, storage=url).trials
        return [(trial.state.name, trial.params["optim.lr"] == present) for trial in trials]

    monkeypatch.setattr("downstream.studies.search._validate", killed)
    with pytest.raises(Killed):
        search("gcn", settings, runner=runner(tmp_path), trials=1)
    assert trials_after(1) == [("RUNNING", True), ("COMPLETE", False)]  # the process may be alive
    with contextlib.closing(sqlite3.connect(tmp_path / "runs" / "trials.db")) as database, database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 hour')")
    assert trials_after(1)[::2] == [("FAIL", True), ("COMPLETE", True)]
    assert trials_after(1)[3:] == [("COMPLETE", False)]


@pytest.mark.parametrize("shared", [False, True])
def test_two_searches_at_once_try_different_trials(
    shared: bool, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, begun = f"sqlite:///{tmp_path / 'runs' / 'trials.db'}", list[int]()
    (tmp_path / "runs").mkdir()
    asked: dict[str, Any] = {"trials": 3, "storage": url if shared else None, "space": {"optim.lr": (1e-4, 1.0, "log")}}

    def validate(*_: Any) -> float:
        if not begun:
            search_too()  # while the first trial runs
        return 0.5

    def search_too() -> None:
        begun.append(1)
        search("gcn", settings, runner=runner(tmp_path), **asked)

    monkeypatch.setattr("downstream.studies.search._validate", validate)
    search("gcn", settings, runner=runner(tmp_path), **asked)
    trials = optuna.load_study(study_name=None, storage=url).trials
    assert len({trial.params["optim.lr"] for trial in trials}) == len(trials) == 6


def test_whole_numbers_are_the_ends_of_a_range_of_real_numbers() -> None:
    space = {"optim.lr": range_of("optim.lr", (1, 3)), "model.num_layers": range_of("model.num_layers", (1, 3))}
    spans = checked(space, lambda values: _present(values, *_configs("gcn", Settings("mine"), values, False)))
    assert isinstance(spans["optim.lr"].low, float)
    assert isinstance(spans["model.num_layers"].high, int)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a.b=1:3", {"low": 1, "high": 3}),
        ("a.b=1e-3:0.1:log", {"low": 0.001, "high": 0.1, "log": True}),
        ("a.b=1,0.5,mul,true", {"choices": (1, 0.5, "mul", True)}),
        ("a.b=mul", {"choices": ("mul",)}),
    ],
)
def test_a_range_on_the_command_line(text: str, span: dict[str, Any]) -> None:
    assert range_in(text) == ("a.b", SearchRange(**span))


@pytest.mark.parametrize("text", ["", "a.b", "=1:2", "a.b=", "a.b=1:2:lin", "a.b=1:2:log:3", "a.b=3:1", "a.b=x:y"])
def test_what_is_no_range_on_the_command_line_is_one_sentence(text: str) -> None:
    with pytest.raises(NieError) as raised:
        range_in(text)
    assert "\n" not in str(raised.value)


def test_the_command_takes_ranges_and_epochs(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    words = ["search", "gcn", "synthetic", "--trials", "1", "--epochs", "2", *FLAGS[:-1], "0"]
    ranges = ["--set", "optim.lr=0.001:0.1:log", "--set", "model.hidden_size=8,16"]
    code, out, error = run_quietly([*words, *ranges], tmp_path / "data", tmp_path / "runs")
    assert code == 0, error
    assert set(yaml.safe_load(out)["methods"]["gcn"]) == {"optim", "model"}
    (run,) = (tmp_path / "runs" / "search" / "downstream" / "synthetic").iterdir()
    assert read_run(run).config["optim"]["max_epochs"] == 2
    code, _, error = run_quietly([*words, "--set", "optim.lrr=1:2"], tmp_path / "data", tmp_path / "runs")
    assert (code, error.count("\n")) == (2, 1)
    assert "did you mean 'optim.lr'" in error
