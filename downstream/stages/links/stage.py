"""Link prediction as a value: its settings, its recipes and what runs it."""

from __future__ import annotations

from pathlib import Path

from downstream.stages.links.settings import LinkConfig, inputs_key
from nie.later import later
from nie.runs.stage import Stage
from nie.settings.recipes import Recipes

LINKS: Stage[LinkConfig] = Stage(
    name=LinkConfig.stage,
    command="link",
    title="link prediction: rank what completes the held-out triples",
    recipes=Recipes(Path(__file__).parent / "recipes", LinkConfig),
    prepare=later("downstream.stages.links.inputs:LinkInputs.of"),
    packages=later("downstream.stages.links.inputs:packages_for"),
    inputs_key=inputs_key,
    run=later("downstream.stages.links.prediction:predict_links"),
    run_on_hosts=later("downstream.stages.links.on_hosts:predict_links_on_hosts"),
    next_command="nie complete {run} --relation NAME --head NAME",
    read_by="'nie complete' answers questions with it",
    folds_flag="--repeats",
    unit="repetitions",
    columns=(
        "mrr",
        "hits@1",
        "hits@3",
        "hits@10",
        "mrr, unseen entity",
        "mrr, mean rotation",
        "mrr, random rotation",
    ),
    caption="Filtered realistic ranks of the test triples, both ends; mean ± population standard deviation over "
    "repetitions, each with a seed of its own. Unseen entity: test triples with an entity that no training triple "
    "names.",
)
