"""nie.settings.recipes, and every recipe that there is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.table import STAGES
from nie.errors import NieError
from nie.runs.stage import Stage
from nie.settings.sections import Section
from pretrain.stage import PRETRAINING

GEO = {"dataset": "geo"}
RECIPES = [(stage, path) for stage in STAGES.values() for path in sorted(stage.recipes.folder.glob("*.yaml"))]


def test_flags_win_over_overrides_over_recipe_over_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("dataset: geo\noptim: {lr: 0.5, patience: 7, max_epochs: 9}\n")
    config = IMPORTANCE.recipes.resolve(
        recipe, overrides={"optim": {"patience": 8}}, flags=["--optim.max_epochs", "10"]
    )
    assert (config.optim.lr, config.optim.patience, config.optim.max_epochs) == (0.5, 8, 10)
    assert config.optim.weight_decay == 5e-4


def test_a_stages_own_defaults_hold_beside_a_partial_section() -> None:
    config = PRETRAINING.recipes.resolve(overrides={"dataset": "geo", "optim": {"lr": 0.1}})
    assert (config.optim.lr, config.optim.patience, config.optim.clip_norm) == (0.1, 20, 10.0)


@pytest.mark.parametrize(
    ("document", "flags", "message"),
    [
        ({"optim": {"lrr": 1}}, [], r"'optim.lrr'.*did you mean 'optim.lr'"),
        ({"modle": {}}, [], r"'modle'"),
        ({"optim": {"lr": "fast"}}, [], r"'optim.lr'.*'fast'.*number"),
        ({"optim": {"lr": -1}}, [], r"'optim.lr'.*greater than 0"),
        ({"model": {"mode": "mull"}}, [], r"'model.mode'.*'mul', 'add', 'gate' or 'dot'"),
        ({"optim": 3}, [], r"'optim'"),
        ({"seed": "1_000"}, [], r"'seed' in the settings is '1_000': input should be a valid integer"),
        ({"seed": "5"}, [], r"'seed' in the settings is '5': input should be a valid integer"),
        ({"seed": True}, [], r"'seed' in the settings is True: input should be a valid integer"),
        ({"seed": b"5"}, [], r"'seed' .*: input should be a valid integer"),
        ({"optim": {"lr": True}}, [], r"'optim.lr' .* is True: input should be a valid number"),
        ({"optim": {"lr": float("inf")}}, [], r"'optim.lr' .* is inf: input should be a finite number"),
        ({"model": {"residual": 1}}, [], r"'model.residual' .* is 1: input should be a valid boolean"),
        ({"folds": {"run": [0, True]}}, [], r"'folds.run.1' .* is True: input should be a valid integer"),
        ({"label": "x" * 10**6 + "/"}, [], r"^The setting 'label' .{1,200}$"),
        ({}, ["--seed", "1_000"], r"'seed' .* is '1_000': input should be a valid integer"),
        ({}, ["--seed", " 5 "], r"'seed' .* is ' 5 ': input should be a valid integer"),
        ({}, ["--seed", "5.0"], r"'seed' .* is '5.0': input should be a valid integer"),
        ({}, ["--seed", "True"], r"'seed' .* is 'True': input should be a valid integer"),
        ({}, ["--seed", "9" * 5000], r"^The setting 'seed' .{1,200}$"),
        ({}, ["--optim.lr", "nan"], r"'optim.lr' .* is 'nan': input should be a valid number"),
        ({}, ["--optim.lr", "1_0"], r"'optim.lr' .* is '1_0': input should be a valid number"),
        ({}, ["--folds.run", "0_1"], r"^The flags '--folds.run 0_1' cannot be read"),
        ({}, ["--folds.run", "[" * 5000 + "]" * 5000], r"^The flags .{1,400}$"),
        ({}, ["--optim.lrr", "1"], r"'--optim.lrr' \(did you mean '--optim.lr'\?\)"),
        ({}, ["--optim.lr"], r"--optim.lr: expected one argument"),
        ({}, ["stray"], r"^'stray' belongs to no flag"),
        ({}, ["stray" * 1000], r"^'stray.{1,75} belongs to no flag"),
        ({}, ["--folds.run", "0", "1"], r"^'1' belongs to no flag; .* --folds.run 0,1"),
        ({}, ["--optim.lr=1", "2"], r"^'2' belongs to no flag"),
        ({}, ["--model.centrality_scale", "true"],
         r"^'true' belongs to no flag; .*it is --model.centrality_scale or --no-model.centrality_scale\.$"),
        ({}, ["--seed", "1", "--no-model.residual", "0"], r"^'0' belongs to no flag; .*--no-model.residual\.$"),
        ({"optim": {"patience": 1, "eval_every": 2}}, [],
         r"^In the settings, under 'optim': patience 1 ends before the first evaluation; raise it to eval_every\.$"),
        ({}, ["--batch.fanout", "3"], r"^In the settings, under 'batch': fanout is for training in batches"),
        ({"search": {"optim.lr": {"low": 2, "high": 1}}}, [], r"^In the settings, under 'search.optim.lr': a range"),
        ({"label": "a/b"}, [], r"'label'"),
        ({"device": "tpu"}, [], r"'device'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_that_names_the_key(document: dict, flags: list[str], message: str) -> None:
    with pytest.raises(NieError, match=message) as caught:
        IMPORTANCE.recipes.resolve(overrides={**GEO, **document}, flags=flags)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML as recipes are written in"),
        ("- a", "holds no settings"),
        ("", "holds no settings"),
        ("1: 2", "not a word"),
        ("optim: &a {lr: 1}\nbatch: *a", r"anchors \(&\) and aliases \(\*\) are not read"),
        ("seed: !!int x", r"tags \(!\) are not read"),
        ("!!map {seed: 1}", r"tags \(!\) are not read"),
        ("dataset: geo\nseed: 1_000", "'seed' .* is '1_000': input should be a valid integer"),
        ("dataset: geo\nseed: 2020-01-01", "'seed' .* is '2020-01-01': input should be a valid integer"),
        ("dataset: geo\nseed: ' 5 '", "'seed' .* is ' 5 ': input should be a valid integer"),
        ("dataset: geo\nseed: true", "'seed' .* is True: input should be a valid integer"),
        ("dataset: geo\nseed: 5.0", "'seed' .* is 5.0: input should be a valid integer"),
        ("dataset: geo\noptim: {lr: .inf}", "'optim.lr' .* is inf: input should be a finite number"),
        ("[" * 100_000, "more than 20 deep"),
        ("{a: " * 100_000, "more than 20 deep"),
        ("a: " + "x" * (1 << 20), "at most 1,048,576 characters"),
        ("seed: 1\n---\nseed: 2", "more than one document"),
        ("seed: 1\nseed: 2", "'seed' stands twice"),
        ("optim: {lr: 1, lr: 2}", "'lr' stands twice"),
        ("_cli_parse_args: true", "Unknown key '_cli_parse_args'"),
        ("sede: 1", "did you mean 'seed'"),
    ],
)
def test_a_recipe_that_is_no_mapping(text: str, message: str, tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text(text)
    with pytest.raises(NieError, match=message):
        PRETRAINING.recipes.resolve(recipe)


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(NieError, match="did you mean 'fb15k-fast'"):
        PRETRAINING.recipes.resolve("fb15k-fats")


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".yaml", "nul\0", "", "."])
def test_what_is_no_name_of_a_recipe(name: str) -> None:
    with pytest.raises(NieError, match=r"^There is no recipe .{1,80} \(there are "):
        PRETRAINING.recipes.resolve(name)


def test_a_missing_dataset_is_asked_for() -> None:
    with pytest.raises(NieError, match="'dataset' is missing"):
        PRETRAINING.recipes.resolve()


@pytest.mark.parametrize(("stage", "path"), RECIPES, ids=lambda value: getattr(value, "stem", ""))
def test_every_recipe_loads_and_holds_only_differences(stage: Stage[Any], path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    parts = {"": {key: value for key, value in document.items() if key != "methods"}, **document.get("methods", {})}
    for method, part in parts.items():
        parts = {"parts": ("a", "b")} if method == "blend" else {}
        given = {"method": method, **parts} if method else {}
        if stage.name == "links":
            given["dataset"] = "db15k"
        config = stage.recipes.resolve(path.stem, overrides=given)
        defaults = type(config)(dataset="geo", **parts)
        for key, value in part.items():
            if isinstance(value, dict) and isinstance(getattr(config, key), Section):
                said_of_all = document.get(key, {}) if method else {}  # a method may be left at a default by it
                for name in set(value) - set(said_of_all):
                    assert getattr(getattr(config, key), name) != getattr(getattr(defaults, key), name), f"{key}.{name}"


def test_a_recipe_serves_every_method(tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "dataset: geo\noptim: {lr: 0.5, max_epochs: 7}\nmodel: {num_heads: 4}\nloss: {channel_weight: 0.9}\n"
        "methods:\n  geni: {optim: {lr: 0.25}, model: {num_layers: 3}}\n"
    )
    geni = IMPORTANCE.recipes.resolve(recipe, flags=["--method", "geni"])
    assert (geni.optim.lr, geni.optim.max_epochs, geni.model.num_layers, geni.model.num_heads) == (0.25, 7, 3, 4)
    rgtn = IMPORTANCE.recipes.resolve(recipe)
    assert (rgtn.optim.lr, rgtn.model.num_heads, rgtn.model.num_layers, rgtn.loss.channel_weight) == (0.5, 4, 3, 0.9)
    gcn = IMPORTANCE.recipes.resolve(recipe, overrides={"method": "gcn"})
    assert (gcn.optim.lr, gcn.model.hidden_size) == (0.5, 64)
    assert not hasattr(IMPORTANCE.recipes.resolve(recipe, overrides={"method": "ridge"}), "optim")


def test_models_of_other_methods_than_the_recipes_own_keep_their_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("dataset: geo\nmethod: geni\nmodel: {num_layers: 5}\n")
    assert IMPORTANCE.recipes.resolve(recipe).model.num_layers == 5
    assert IMPORTANCE.recipes.resolve(recipe, flags=["--method=rgtn"]).model.num_layers == 3


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("methods: {genii: {seed: 1}}", [], "no method 'genii'.*did you mean 'geni'"),
        ("method: 3", [], "no method 3"),
        ("methods: {geni: {optim: {lrr: 1}}}", ["--method", "geni"], "'optim.lrr'.*did you mean 'optim.lr'"),
        ("loss: {chanel_weight: 1}", ["--method", "geni"], "'loss.chanel_weight'"),
        ("seed: 1", ["--method", "ridge", "--optim.lr", "1"], "Unknown flag '--optim.lr'"),
    ],
)
def test_mistakes_about_methods(text: str, flags: list[str], message: str, tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text(f"dataset: geo\n{text}\n")
    with pytest.raises(NieError, match=message):
        IMPORTANCE.recipes.resolve(recipe, flags=flags)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "blend"])
@pytest.mark.parametrize("path", sorted(IMPORTANCE.recipes.folder.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_loads_for_every_method(path: Path, method: str) -> None:
    assert IMPORTANCE.recipes.resolve(path.stem, overrides={"method": method}).method == method


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_a_recipe_by_name_is_not_looked_for_in_the_working_directory(stage: Stage[Any], tmp_path: Path) -> None:
    assert stage.recipes.path("study") == stage.recipes.folder / "study.yaml"
    assert stage.recipes.path(tmp_path / "study.yaml") == tmp_path / "study.yaml"
