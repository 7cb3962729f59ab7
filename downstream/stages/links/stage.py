"""Link prediction as a value."""

from __future__ import annotations

from pathlib import Path

from downstream.stages.links.settings import LinkConfig, prepared_alike
from nie.later import later
from nie.runs.stage import Stage
from nie.settings.recipes import Recipes

LINKS: Stage[LinkConfig] = Stage(
    name=LinkConfig.stage,
    command="link",
    title="link prediction: rank what completes the held-out triples",
    recipes=Recipes("link", Path(__file__).parent / "recipes", LinkConfig),
    inputs=later("downstream.stages.links.inputs:LinkInputs.of"),
    alike=prepared_alike,
    run=later("downstream.stages.links.prediction:predict_links"),
    folds_flag="--repeats",
)
