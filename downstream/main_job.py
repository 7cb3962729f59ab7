"""The main job: features, LICAP, RGTN, the baselines and the table, on any dataset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from downstream.baselines import BASELINES
from downstream.importance import baseline_config, estimate
from nie.config import ImportanceConfig, LicapConfig
from nie.errors import NieError
from nie.progress import log
from nie.recipes import Config, load_config, recipe_folder
from nie.runs import Run, mean_sd
from pretrain.inputs import prepare
from pretrain.licap import contrast_sets, pretrain

Profile = Literal["quick", "full"]
RECIPE_OF_PROFILE = {"quick": "quick", "full": "fast"}
FIXED = {
    "--dataset": "name the dataset after 'nie run'",
    "--method": "use 'nie downstream --method' for one method",
    "--pretrained": "use 'nie downstream --pretrained' for one run",
    "--label": "use 'nie downstream --label' for one run",
}
SHARED = ("features", "folds", "seed", "device")


def main_job(
    dataset: str,
    *,
    profile: Profile = "full",
    flags: Sequence[str] = (),
    data_root: str | Path = "datasets",
    run_root: str | Path = "checkpoints",
) -> list[Run]:
    """Run every baseline, RGTN and RGTN+LICAP on ``dataset``; what is finished is kept.

    Where there are too few labels for LICAP, a warning says so and its row is missing.

    Args:
        dataset: a known or processed dataset.
        profile: ``quick`` for a look in minutes, ``full`` for the dataset's ``fast`` recipe and all folds.
        flags: settings of stage 2; those that both stages know (features, folds, seed, device) hold for both.
        data_root: folder of the datasets.
        run_root: folder of the runs.

    Raises:
        NieError: bad input, in one sentence.
    """
    for flag in flags:
        name = flag.split("=", maxsplit=1)[0]
        if name in FIXED:
            raise NieError(
                f"'nie run' compares all methods on one dataset, so {name} has no place there; {FIXED[name]}."
            )
    config = load_config(
        ImportanceConfig, _recipe(ImportanceConfig, dataset, profile), flags=flags, overrides={"dataset": dataset}
    )
    shared: dict[str, Any] = {name: getattr(config, name) for name in SHARED}
    licap = load_config(
        LicapConfig, _recipe(LicapConfig, dataset, profile), overrides={"dataset": dataset}
    ).model_copy(update=shared)  # fmt: skip
    inputs = prepare(config, data_root=data_root)
    runs = []
    for method in BASELINES:
        log.info("%s: %s", dataset, method)
        runs.append(estimate(baseline_config(config, method), run_root=run_root, inputs=inputs))
    log.info("%s: RGTN", dataset)
    runs.append(estimate(config, run_root=run_root, inputs=inputs))
    log.info("%s: LICAP, then RGTN on its embeddings", dataset)
    same_graph = licap.graph == config.graph
    try:
        for fold in licap.folds.run:
            contrast_sets(licap, inputs.kg.targets, inputs.folds[fold])
    except NieError as error:
        # A graph too small for contrast has its other rows all the same; any other error ends the job.
        log.warning("LICAP is left out. %s", error)
        return runs
    stage1 = pretrain(licap, data_root=data_root, run_root=run_root, inputs=inputs if same_graph else None)
    with_licap = config.model_copy(update={"pretrained": str(stage1.path)})
    runs.append(estimate(with_licap, run_root=run_root, inputs=inputs))
    return runs


def best_run(runs: Sequence[Run]) -> Run:
    """The run with the best mean Spearman on its validation nodes; test figures play no part."""

    def validation(run: Run) -> float:
        mean = mean_sd([run.metrics(fold)["val"].get("spearman") for fold in run.finished_folds()])["mean"]
        return -math.inf if mean is None else float(mean)

    return max(runs, key=validation)


def _recipe(stage: type[Config], dataset: str, profile: Profile) -> str:
    """The dataset's own recipe of this profile, or the general one."""
    name = RECIPE_OF_PROFILE[profile]
    own = f"{dataset}-{name}"
    return own if (recipe_folder(stage) / f"{own}.yaml").is_file() else name
