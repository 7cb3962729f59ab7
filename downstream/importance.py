"""Stage 2: importance estimation by any method, on raw or pretrained features.

The epoch is chosen on the fold's validation nodes; its test nodes are scored once, after training.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from downstream.baselines import BASELINES, BaselineInput, Prediction
from downstream.blend import blend
from downstream.evaluation import FoldJudge
from downstream.network import TIERS_FILE, check_selection, fit_network
from nie.config import ImportanceConfig
from nie.errors import NieError
from nie.method_config import BlendMethod, FeatureMethod, NetworkConfig
from nie.ops.backend import choose_backend
from nie.progress import log
from nie.provenance import sitting
from nie.runs import Run, open_run, run_folds, write_array, write_json
from pretrain.cross_validation import Fold, write_split
from pretrain.embeddings import binding, read_embeddings
from pretrain.inputs import Parts, StageInputs, fold_seed, prepare

SHOWN = ("rmse", "medianae", "spearman", "ndcg@100", "over@100")


def estimate(
    config: ImportanceConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints",
    inputs: StageInputs | None = None,
) -> Run:  # fmt: skip
    """Train and test ``config.method`` on the configured folds; finished folds are kept, half-done ones continued.

    Args:
        config: the resolved settings, of `nie.recipes.load_config`.
        data_root: folder of the datasets.
        run_root: folder of the runs.
        inputs: what `pretrain.inputs.prepare` returned, when several stages share it.

    Raises:
        NieError: bad input, in one sentence.
    """
    inputs = inputs or prepare(config, data_root=data_root)
    for fold in config.folds.run:  # what cannot work is refused before anything is written
        _check_fold(config, inputs, inputs.folds[fold])
    run = open_run("downstream", config, root=run_root, made_from=inputs.made_from)
    run_folds(run, config.folds.run, lambda fold, folder: _estimate_fold(config, inputs, inputs.folds[fold], folder))
    return run


def _check_fold(config: ImportanceConfig, inputs: StageInputs, fold: Fold) -> None:
    if isinstance(config, NetworkConfig):
        check_selection(config, inputs, fold)
    if isinstance(config, BlendMethod):
        blend(config.parts, inputs.kg, fold)
    _channels(config, inputs, fold)


def _channels(config: ImportanceConfig, inputs: StageInputs, fold: Fold) -> dict[str, Parts]:
    """The features of the fold by channel: raw, or pretrained where the settings say so; degrees stay as they are."""
    channels = dict(inputs.channels)
    if isinstance(config, FeatureMethod) and config.pretrained is not None:
        embeddings = read_embeddings(config.pretrained, inputs.kg, fold)
        for name in config.replaced or embeddings:
            if name not in embeddings:
                raise NieError(
                    f"replaced names the channel {name}, which the pretrained run {config.pretrained} has not; "
                    f"use --replaced {','.join(embeddings)}."
                )
            degrees = channels[name][-1:] if name == "structural" and config.features.degrees else ()
            channels[name] = (embeddings[name], *degrees)
    return channels


def _estimate_fold(config: ImportanceConfig, inputs: StageInputs, fold: Fold, folder: Path) -> None:
    started = time.monotonic()
    channels = _channels(config, inputs, fold)
    probability, agreed = None, {}
    if isinstance(config, NetworkConfig):
        fitted = fit_network(config, inputs, channels, fold, folder)
        score, prediction, facts = fitted.score, fitted.prediction, fitted.facts
        probability, agreed = fitted.probability, fitted.agreement
        timing = {"seconds_per_epoch": fitted.seconds_per_epoch, "train_seconds": fitted.train_seconds}
    elif isinstance(config, BlendMethod):
        blended = blend(config.parts, inputs.kg, fold)
        score = prediction = blended.prediction
        facts, timing = {"weights": blended.weights}, {}
    else:
        result = _fit_baseline(config, inputs, channels, fold)
        score, prediction, facts, timing = result.score, result.prediction, {}, {}
    judge = FoldJudge(inputs.kg.targets, fold)
    val, test = (judge(ids, prediction, score, probability) for ids in (fold.val, fold.test))
    write_split(folder, fold)
    write_array(folder / "predictions.npy", prediction.astype(np.float32))
    if score is not prediction:
        write_array(folder / "scores.npy", score)
    if probability is not None:
        write_array(folder / TIERS_FILE, probability.astype(np.float32))
    write_json(
        folder / "metrics.json", {"binding": binding(inputs.kg, fold), "val": val, "test": test | agreed, "fit": facts}
    )
    write_json(folder / "timing.json", {
        **timing,
        **sitting(started),
        "device": str(inputs.device),
        "attention": choose_backend(torch.zeros(1, device=inputs.device)),
    })  # fmt: skip
    # Of the validation nodes: test figures stand in the tables, where nobody chooses settings by them.
    shown = ", ".join(f"{name} {value:.4f}" for name, value in val.items() if name in SHOWN)
    log.info("%s fold %d: validation %s", config.run_label(), fold.index, shown)


def _fit_baseline(
    config: ImportanceConfig, inputs: StageInputs, channels: Mapping[str, Parts], fold: Fold
) -> Prediction:
    features = np.concatenate([part.features for parts in channels.values() for part in parts], axis=1)
    seed = fold_seed(config.seed, fold.index)
    return BASELINES[config.method](BaselineInput(inputs.kg, features, inputs.kg.targets, fold, seed))
