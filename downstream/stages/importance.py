"""Stage 2, importance estimation, as a value: its settings by method, its recipes and what runs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from downstream.metrics.importance import COLUMNS
from nie.later import later
from nie.runs.stage import Stage
from nie.settings.recipes import Recipes


def _settings_by_method() -> Mapping[str, type[ImportanceConfig]]:
    return {name: method.settings for name, method in METHODS.items()}


IMPORTANCE: Stage[ImportanceConfig] = Stage(
    name=ImportanceConfig.stage,
    command="downstream",
    title="stage 2: importance estimation",
    recipes=Recipes(
        Path(__file__).parent / "recipes",
        ImportanceConfig,
        _settings_by_method,
        default_method=ImportanceConfig.model_fields["method"].default,
        of_one_method=frozenset({"label", "model", "search"}),
    ),
    prepare=later("pretrain.inputs:prepare"),
    packages=later("pretrain.inputs:packages_for"),
    inputs_key=later("pretrain.inputs:inputs_key"),
    run=later("downstream.stages.estimation:estimate"),
    run_on_hosts=later("downstream.stages.on_hosts:estimate_on_hosts"),
    next_command="nie predict {run} --out scores.csv",
    read_by="'nie predict' gives the scores of its nodes, 'nie table' its figures",
    columns=COLUMNS,
    columns_small=("rmse", "medianae", "ndcg@20", "spearman", "over@20"),
    caption="Test nodes of the folds named; mean ± population standard deviation over folds. "
    "Compare only rows of the same folds.",
)
