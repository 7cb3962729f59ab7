"""Stage 1, pretraining by LICAP, as a value: its settings, its recipes and what runs it."""

from __future__ import annotations

from pathlib import Path

from nie.later import later
from nie.runs.stage import Stage
from nie.settings.recipes import Recipes
from pretrain.licap_settings import LicapConfig

PRETRAINING: Stage[LicapConfig] = Stage(
    name=LicapConfig.stage,
    command="pretrain",
    title="stage 1: LICAP pretraining",
    recipes=Recipes(Path(__file__).parent / "recipes", LicapConfig),
    prepare=later("pretrain.inputs:prepare"),
    packages=later("pretrain.inputs:packages_for"),
    inputs_key=later("pretrain.inputs:inputs_key"),
    run=later("pretrain.licap:pretrain"),
    run_on_hosts=later("pretrain.on_hosts:pretrain_on_hosts"),
    next_command="nie downstream{flags} --pretrained {run}",
    read_by="'nie downstream --pretrained' reads it",
)
