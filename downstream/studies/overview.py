"""The main job: features, LICAP, RGTN, the baselines and the table, on any dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from downstream.methods.importance_settings import licap_label
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner, raise_failures
from downstream.studies.settings import SHARED, Settings
from downstream.studies.study import Arm, run_arms
from nie.errors import NieError
from nie.runs.run import Run

Profile = Literal["quick", "full"]
RECIPE_OF_PROFILE = {"quick": "quick", "full": "fast"}
FIXED = {
    "--dataset": "name the dataset after 'nie run'",
    "--method": "use 'nie downstream --method' for one method",
    "--pretrained": "use 'nie downstream --pretrained' for one run",
    "--label": "use 'nie downstream --label' for one run",
}
SIMPLE_METHODS = ("pagerank", "ridge", "boosting")


def main_job(
    dataset: str,
    *,
    profile: Profile = "full",
    flags: Sequence[str] = (),
    runner: Runner,
) -> list[Run]:
    """Run PageRank, ridge, boosting, RGTN and RGTN+LICAP on ``dataset``; what is finished is kept.

    Where there are too few labels for LICAP, a warning says so and its row is missing; any other error ends the job.

    Args:
        dataset: a known or processed dataset.
        profile: ``quick`` for a look in minutes, ``full`` for the dataset's ``fast`` recipe and all folds.
        flags: settings of stage 2; those that both stages know (features, folds, seed, device) hold for both.
        runner: how the stages run.

    Raises:
        NieError: bad input, in one sentence.
    """
    for flag in flags:
        name = flag.split("=", maxsplit=1)[0]
        if name in FIXED:
            raise NieError(f"'nie run' compares all methods on one dataset; leave {name} out, or {FIXED[name]}.")
    recipe = RECIPE_OF_PROFILE[profile]
    own = IMPORTANCE.recipes.own(dataset, recipe)
    # RGTN first, because flags may be of settings that it alone has.
    rgtn = IMPORTANCE.recipes.resolve(own, flags=flags, overrides={"dataset": dataset})
    shared = rgtn.model_dump(include=SHARED)
    settings = Settings(dataset, recipe)
    simple = [settings.method(name, graph=rgtn.graph.model_dump(), **shared) for name in SIMPLE_METHODS]
    licap = settings.licap(**shared)
    arms = [*(Arm(config.method, config) for config in (*simple, rgtn)), Arm(licap_label("rgtn"), rgtn, licap)]
    runner.made_from(rgtn)  # raises for what most rows need before any of them is run
    runs, failed = run_arms(arms, runner)
    raise_failures(failed)
    return list(runs.values())
